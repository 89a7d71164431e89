"""The built-in demonstration: an OpenAI-compatible endpoint without a model behind it, for when none is configured."""

from django.utils.translation import gettext_noop as _

DEMO_MODEL_NAME = "demo"

SUGGESTIONS = (
    _("What is 1234 * 5678, and what time is it in Tokyo?"),
    _("Write a haiku about the sea to haiku.txt, then read it back"),
    _("Show me what your Markdown can do"),
    _("List the files of this conversation"),
)
"""Questions for an empty page, each of which shows something else of the product; also in every language it speaks."""
