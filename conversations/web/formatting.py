"""Formats what the templates show of an answer and its steps. strings.js formats live steps in the same way."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations.llm.errors import NoToolsError
from conversations.models import Run, Step
from conversations.web.strings import STRINGS

MAX_SUMMARY_LENGTH = 200
MAX_PREVIEW_LENGTH = 20_000
"""Characters of a call's arguments or result that a page shows until the reader asks for all of it."""
_MAX_ESCAPE_LENGTH = len("\\u1234")


def duration(seconds: float) -> str:
    """Formats a duration in the natural unit: `12 ms`, `3.4 s`, `15 s`, `1 min 15 s`."""
    if seconds < 1:
        return str(STRINGS["milliseconds"]).replace("{n}", str(max(1, _round_half_up(seconds * 1000))))
    if seconds < 10:
        return str(STRINGS["seconds"]).replace("{n}", number_format(f"{_round_half_up(seconds * 10) / 10:g}"))
    return rounded_duration(seconds)


def rounded_duration(seconds: float) -> str:
    """Formats a duration in whole seconds, at least one: `3 s`, `1 min 15 s`."""
    minutes, remainder = divmod(max(1, _round_half_up(seconds)), 60)
    if minutes:
        return str(STRINGS["minutes"]).replace("{minutes}", str(minutes)).replace("{seconds}", str(remainder))
    return str(STRINGS["seconds"]).replace("{n}", str(remainder))


def tokens(count: int) -> str:
    """Formats a number of tokens with its unit."""
    return ngettext("{n} token", "{n} tokens", count).replace("{n}", number_format(count))


def failure_reason(run: Run) -> str:
    """Explains why a run failed, in the reader's language if the error code is one of the protocol's."""
    if run.error_content == NoToolsError.content:
        return _("This model does not support tools. Turn tools off, or choose another model.")
    return str(STRINGS.get(f"error_{run.error_code}", run.error_content))


def thinking_label(step: Step) -> str:
    """Returns the heading of a finished thinking step."""
    if step.duration is None:
        return str(STRINGS["thought"])
    return str(STRINGS["thought_for"]).replace("{duration}", rounded_duration(step.duration))


def argument_summary(arguments: str) -> str:
    """Summarizes a call's arguments on one line.

    A single argument is shown by its value, several as `name: value`, and text that is not a JSON object as it is.
    """
    values = _parse_json(arguments)
    if not isinstance(values, dict):
        summary = arguments
    elif len(values) == 1:
        summary = _dump_on_one_line(*values.values())
    else:
        summary = ", ".join(f"{name}: {_dump_on_one_line(value)}" for name, value in values.items())
    return _replace_lone_surrogates(" ".join(summary.split())[:MAX_SUMMARY_LENGTH])


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a text, and the label of the button that loads all of it."""

    text: str
    is_truncated: bool
    show_all_label: str


def arguments_preview(step: Step) -> Preview:
    """Returns a call's arguments, indented if they are JSON."""
    value = _parse_json(step.arguments)
    text = step.arguments if value is None else _dump_indented(value, fallback=step.arguments)
    return _preview(text, step, loaded=len(step.arguments))


def result_preview(step: Step | None) -> Preview:
    """Returns the result, or the error message, out of the JSON that the model received. Empty without a step."""
    if step is None:
        return Preview("", is_truncated=False, show_all_label="")
    content = step.content if step.size <= len(step.content) else _complete_json(step.content)
    message = _parse_json(content)
    text = content
    if isinstance(message, dict):
        result = message.get("result", message.get("error", message))
        text = _replace_lone_surrogates(result) if isinstance(result, str) else _dump_indented(result, fallback=content)
    return _preview(text, step, loaded=len(step.content))


def _preview(text: str, step: Step, *, loaded: int) -> Preview:
    """`loaded` is the number of characters that were read of the step's `size`."""
    if step.size <= loaded and len(text) <= MAX_PREVIEW_LENGTH:
        return Preview(text, is_truncated=False, show_all_label="")
    if step.size < 999_500:
        size = f"{_round_half_up(step.size / 1000)} KB"
    else:
        size = f"{_round_half_up(step.size / 100_000) / 10:g} MB"
    label = str(STRINGS["show_all"]).replace("{size}", size)
    return Preview(text[:MAX_PREVIEW_LENGTH], is_truncated=True, show_all_label=label)


def _complete_json(beginning: str) -> str:
    """Closes JSON that was cut inside its last string, as most long results are. Returns other text unchanged."""
    # An escape sequence that was cut is dropped
    for dropped in range(_MAX_ESCAPE_LENGTH):
        completed = beginning[: len(beginning) - dropped] + '"}'
        if _parse_json(completed) is not None:
            return completed
    return beginning


def _parse_json(text: str) -> object:
    """Returns the value, None if the text is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _dump_on_one_line(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _dump_indented(value: object, *, fallback: str) -> str:
    try:
        return _replace_lone_surrogates(json.dumps(value, indent=2, ensure_ascii=False))
    except RecursionError:
        return fallback


def _replace_lone_surrogates(text: str) -> str:
    """JSON may escape half of a surrogate pair, which cannot be encoded as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _round_half_up(number: float) -> int:
    """Rounds a positive number as Math.round does in JavaScript."""
    return int(number + 0.5)
