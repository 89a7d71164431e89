"""The built-in demo model: an OpenAI-compatible server that answers by fixed rules while no model is configured."""

from django.utils.translation import gettext_noop as _

DEMO_MODEL_NAME = "demo"

SUGGESTIONS = (
    _("What is 1234 * 5678, and what time is it in Tokyo?"),
    _("Write a haiku about the sea to haiku.txt, then read it back"),
    _("Show me what your Markdown can do"),
    _("List the files of this conversation"),
)
"""Questions that an empty chat offers. The demo model understands them in English and Chinese."""
