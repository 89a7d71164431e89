"""What is said of an answer and its steps, for the templates. The script says the same of live ones (strings.js)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations.llm.errors import NoToolsError
from conversations.models import Run, Step
from conversations.web.strings import STRINGS

SUMMARY_LENGTH = 200
SHOWN_LENGTH = 20_000
"""Characters of a call's arguments or of its result that a page shows at first."""


def duration(seconds: float) -> str:
    """In the unit that a person would use: `12 ms`, `3.4 s`, `75 s` as `1 min 15 s`."""
    if seconds < 1:
        return str(STRINGS["milliseconds"]).replace("{n}", str(max(1, _round(seconds * 1000))))
    if seconds < 10:
        return str(STRINGS["seconds"]).replace("{n}", number_format(f"{_round(seconds * 10) / 10:g}"))
    return whole_seconds(seconds)


def whole_seconds(seconds: float) -> str:
    """As a person counts: at least one."""
    minutes, rest = divmod(max(1, _round(seconds)), 60)
    if minutes:
        return str(STRINGS["minutes"]).replace("{minutes}", str(minutes)).replace("{seconds}", str(rest))
    return str(STRINGS["seconds"]).replace("{n}", str(rest))


def tokens(count: int) -> str:
    return ngettext("{n} token", "{n} tokens", count).replace("{n}", number_format(count))


def failure(run: Run) -> str:
    """Why an answer failed, in the reader's language where it is one of the reasons that the protocol knows."""
    if run.error_content == NoToolsError.content:
        return _("The model's server refused this: the model has no tools. Turn tools off, or choose another model.")
    return str(STRINGS.get(f"error_{run.error_code}", run.error_content))


def thought(step: Step) -> str:
    """The heading of a finished thinking step."""
    if step.duration is None:
        return str(STRINGS["thought"])
    return str(STRINGS["thought_for"]).replace("{duration}", whole_seconds(step.duration))


def argument_summary(arguments: str) -> str:
    """A call's arguments in one line: a single one by its value, several as `name: value`. Other text as it is."""
    values = _parsed(arguments)
    if not isinstance(values, dict):
        line = arguments
    elif len(values) == 1:
        line = _line(*values.values())
    else:
        line = ", ".join(f"{name}: {_line(value)}" for name, value in values.items())
    return _sendable(" ".join(line.split())[:SUMMARY_LENGTH])


@dataclass(frozen=True, slots=True)
class ShownText:
    """The beginning of a text, and what the button says that leads to the whole."""

    text: str
    is_cut: bool
    offer: str


def shown_arguments(step: Step) -> ShownText:
    """A call's arguments, over several lines where they are JSON."""
    return _shown(pretty_json(step.arguments), step, step.arguments)


def shown_result(step: Step | None) -> ShownText:
    """What a tool gave; nothing of a call that has no result."""
    if step is None:
        return ShownText("", False, "")
    is_whole = step.size <= len(step.content)
    return _shown(tool_outcome(step.content if is_whole else _closed(step.content)), step, step.content)


def _shown(text: str, step: Step, loaded: str) -> ShownText:
    is_cut = step.size > len(loaded) or len(text) > SHOWN_LENGTH
    return ShownText(text[:SHOWN_LENGTH], is_cut, show_all(step.size) if is_cut else "")


def show_all(characters: int) -> str:
    size = f"{_round(characters / 1000)} KB" if characters < 999_500 else f"{_round(characters / 100_000) / 10:g} MB"
    return str(STRINGS["show_all"]).replace("{size}", size)


def _closed(beginning: str) -> str:
    """JSON that was cut within its last string, as most results are, with that string ended; else as it is."""
    for dropped in range(_LONGEST_ESCAPE):
        closed = beginning[: len(beginning) - dropped] + '"}'
        if _parsed(closed) is not None:
            return closed
    return beginning


def pretty_json(text: str) -> str:
    """JSON over several lines; what is not JSON, as it is."""
    value = _parsed(text)
    return text if value is None else _lines(value, text)


def tool_outcome(content: str) -> str:
    """What a tool gave, out of the JSON that the model was told: its result, or the sentence about its failure."""
    value = _parsed(content)
    if not isinstance(value, dict):
        return content
    outcome = value.get("result", value.get("error", value))
    return _sendable(outcome) if isinstance(outcome, str) else _lines(outcome, content)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _line(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(value: object, text: str) -> str:
    try:
        return _sendable(json.dumps(value, indent=2, ensure_ascii=False))
    except RecursionError:
        return text


def _sendable(text: str) -> str:
    """JSON may escape half of a surrogate pair, which no page can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_LONGEST_ESCAPE = len("\\u1234")


def _round(number: float) -> int:
    return int(number + 0.5)
