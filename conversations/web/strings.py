"""The texts that templates and scripts share. A page carries them for its scripts, so that one catalog serves both."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

PLURAL_SAMPLES = (0, 1, 2, 3, 11, 100)
"""One number, at least, of each plural category of any language (zero, one, two, few, many, other)."""


class PluralString:
    """A text with `{n}` that depends on the number, as a JSON object from each sample number to its form.

    A script uses the form of the sample that has the same plural category as its number.
    """

    def __init__(self, form: Callable[[int], str]) -> None:
        self._form = form

    def __str__(self) -> str:
        return json.dumps({str(n): self._form(n) for n in PLURAL_SAMPLES}, ensure_ascii=False)


STRINGS = {
    "untitled": _("New conversation"),
    "pinned": _("Pinned"),
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "week": _("Previous 7 days"),
    "options_of": _("Options for “{title}”"),
    "title": _("Title"),
    "archived": _("Archived."),
    "unarchived": _("Unarchived."),
    "no_project": _("No project"),
    "not_done": _("No connection: nothing was changed. Try again in a moment."),
    "not_changed": _("The server rejected the change: {reason}"),
    "recent": _("Recent"),
    "conversations": _("Conversations"),
    "archive": _("Archive"),
    "nothing_found": _("No results for “{query}”."),
    "found": _("{n} found"),
    "search_offline": _("No connection: only actions can be found right now."),
    "thinking": _("Thinking…"),
    "thought": _("Thought"),
    "thought_for": _("Thought for {duration}"),
    "milliseconds": _("{n} ms"),
    "seconds": _("{n} s"),
    "minutes": _("{minutes} min {seconds} s"),
    "failed": _("failed"),
    "skipped": _("same call, not repeated"),
    "stopped": _("stopped"),
    "waiting": _("waiting for approval"),
    "show_all": _("Show all ({size})"),
    "version": _("{n}/{count}"),
    "copied": _("Copied."),
    "not_copied": _("Copying failed. Select the text and copy it manually."),
    "why_good": _("What was good about it? (optional)"),
    "why_bad": _("What was wrong with it? (optional)"),
    "thanks": _("Thank you."),
    "tokens": PluralString(lambda n: ngettext("{n} token", "{n} tokens", n)),
    "tokens_per_second": _("{n} tokens/s"),
    "tokens_in_and_out": _("{prompt} read, {completion} written"),
    "wrong_system_prompt": _("This is too long."),
    "wrong_temperature": _("Enter a number from 0 to 2."),
    "wrong_max_tokens": _("Enter a whole number of at least 1."),
    "wrap_code": _("Wrap"),
    "copy_code": _("Copy"),
    "code_copied": _("Copied"),
    "code_not_copied": _("Not copied"),
    "cancelled": _("You stopped this answer."),
    "length": _("The answer reached its length limit."),
    "content_filter": _("The model's provider cut this answer off."),
    "error_unreachable": _("The model's server cannot be reached."),
    "error_timeout": _("The model's server took too long to answer."),
    "error_rate_limited": _("The model's server is overloaded. Try again later."),
    "error_unavailable": _("The model's server is not available right now."),
    "error_rejected_key": _("The model's server rejected this server's API key. An administrator can change it."),
    "error_unknown_model": _("The model's server does not know this model. Choose another one."),
    "error_context_too_long": _(
        "This conversation has become too long for the model. Start a new one, or choose another model."
    ),
    "error_refused": _("The model's server refused this request."),
    "error_malformed": _("The response of the model's server was cut off or could not be read."),
    "error_max_iterations": _("The model was stopped because it kept calling tools without reaching an answer."),
    "error_interrupted": _("The server stopped while this was being answered."),
    "error_internal": _("Something went wrong on this server. See its log for details."),
    "retry": _("Retry"),
    "retry_in": _("Retry in {duration}"),
    "answered": _("Answer finished."),
    "offline": _("No connection. Trying again…"),
    "offline_action": _("There is no connection to the server right now. Try again in a moment."),
    "queued": _("No connection. Your message will be sent when the connection is back."),
    "too_many": _(
        "This account has too many open connections. Close some of its pages; this one will try again by itself."
    ),
    "not_found": _("This conversation no longer exists."),
    "run_active": _("This conversation is already being answered. Wait for the answer, or stop it."),
    "wait": _("Too many requests. Try again in {duration}."),
    "too_large": _("This message is too long."),
    "unavailable": _("The server cannot accept this right now. Your message is kept; try again in a moment."),
    "refused": _("The server did not accept this message: {reason}"),
}
