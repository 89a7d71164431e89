"""The questions that an empty chat suggests."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations.demo import SUGGESTIONS as DEMO_SUGGESTIONS

MODEL_SUGGESTIONS: Sequence[str | Promise] = (
    # xgettext:no-python-format
    _("What is 15 % of 2,340, and how does that compare with a third of 1,000?"),
    _("What time is it in Tokyo, and what can I do there that late?"),
    _("Explain how HTTPS keeps a password secret, to somebody who has never programmed"),
    _("Write a friendly message that moves Friday's meeting to Monday"),
)


def suggestions() -> Sequence[str | Promise]:
    """Returns four questions for the configured models, or for the demo model if there are none."""
    return MODEL_SUGGESTIONS if settings.LLM_MODELS else [gettext(text) for text in DEMO_SUGGESTIONS]
