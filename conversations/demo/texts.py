"""What the demonstration says by itself, in English and in Chinese."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt

from conversations.demo import SUGGESTIONS
from conversations.demo.wishes import Wish

_FIRST_AND_LAST = 80


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of one language."""

    disclosure: str
    introduction: str
    results_are_here: str
    no_tool_needed: str
    here_is_what_i_found: str
    asked: str
    found: str
    file: str
    size: str
    files_here: str
    no_files: str
    nothing_asked_before: str
    asked_before: str
    think_of_calls: Callable[[Sequence[Wish]], str]
    tools_are_off: Callable[[Sequence[str]], str]
    tool_failed: Callable[[str, str], str]
    time_in: Callable[[str], str]
    at: Callable[..., str]
    wrote: Callable[[str], str]
    contains: Callable[[str], str]
    gave: Callable[[str], str]


def _think_in_english(calls: Sequence[Wish]) -> str:
    names = " and ".join(dict.fromkeys(call.tool for call in calls))
    if len(calls) == 1:
        return f"The question can be answered with a tool. I call {names} and read what it gives back."
    return f"The question asks for {len(calls)} things that do not depend on each other. I call {names}, all at once."


def _think_in_chinese(calls: Sequence[Wish]) -> str:
    return f"这个问题需要使用工具。我来调用 {'、'.join(dict.fromkeys(call.tool for call in calls))}。"


_ENGLISH = Phrases(
    disclosure=(
        "*I am a built-in demonstration, not an AI: I recognise a few kinds of questions by their words. For a real "
        "model, set `LLM_BASE_URL` and `LLM_MODEL` in `.env`; the README shows how.*"
    ),
    introduction=(
        "I am the **demonstration** that answers while no language model is connected. I am no AI and understand "
        "little, but all that you see is real: the answer is streamed, tools are called, and everything is stored.\n\n"
        "Things that work with me:\n\n"
        + "\n".join(f"- {suggestion}" for suggestion in SUGGESTIONS)
        + "\n- long (a long answer, to see it stream and to stop it)\n- What did I ask before?\n\n"
        "To connect a real model, put its server and its name into `.env` and start again:\n\n"
        "```ini\nLLM_BASE_URL=http://localhost:11434/v1\nLLM_MODEL=qwen3\n```\n\n"
        "Ollama, vLLM, llama.cpp, OpenAI, DeepSeek and every other OpenAI-compatible server will do; see the README."
    ),
    results_are_here="The tools have answered. I put together what they gave back.",
    no_tool_needed="No tool is needed for this. I answer from what I have been given to say.",
    here_is_what_i_found="Here is what I found:",
    asked="Asked",
    found="Found",
    file="File",
    size="Bytes",
    files_here="These files are here:",
    no_files='There are no files here yet. Ask me to *write "hello" to hello.txt*, for example.',
    nothing_asked_before="This is the first thing that you ask here.",
    asked_before="Before this you asked:",
    think_of_calls=_think_in_english,
    tools_are_off=lambda tools: (
        f"For this I would call {', '.join(f'`{tool}`' for tool in tools)}, but no such tool may be called now. "
        "Are tools switched off for this question?"
    ),
    tool_failed=lambda tool, error: f"`{tool}` did not work: {error}",
    time_in=lambda zone: f"Time in {zone}",
    at=lambda *, weekday, day, clock: f"{clock} on {weekday} {day}".replace("  ", " "),
    wrote=lambda path: f"I wrote {path}.",
    contains=lambda path: f"{path} contains:",
    gave=lambda tool: f"{tool} gave:",
)

_CHINESE = Phrases(
    disclosure=(
        "*我是内置的演示程序，不是人工智能。"
        "要连接真正的模型，请在 `.env` 中设置 `LLM_BASE_URL` 和 `LLM_MODEL`，详见 README。*"
    ),
    introduction=(
        "我是内置的**演示程序**：还没有连接语言模型时由我回答。我不是人工智能，只认得几类问题，例如：\n\n"
        "- 1234 乘以 5678 是多少？东京现在几点？\n- 列出文件\n- 把“你好”写到 hello.txt，再读出来\n- 展示 Markdown\n\n"
        "要连接真正的模型，请在 `.env` 中设置（详见 README）：\n\n"
        "```ini\nLLM_BASE_URL=http://localhost:11434/v1\nLLM_MODEL=qwen3\n```"
    ),
    results_are_here="工具已经返回结果，我来整理一下。",
    no_tool_needed="这个问题不需要工具，我直接回答。",
    here_is_what_i_found="结果如下：",
    asked="问题",
    found="结果",
    file="文件",
    size="字节",
    files_here="这里有以下文件：",
    no_files="这里还没有文件。",
    nothing_asked_before="这是您在这里问的第一个问题。",
    asked_before="在此之前您问过：",
    think_of_calls=_think_in_chinese,
    tools_are_off=lambda tools: f"这需要调用 {'、'.join(f'`{tool}`' for tool in tools)}，但现在不能使用该工具。",
    tool_failed=lambda tool, error: f"`{tool}` 没有成功：{error}",
    time_in=lambda zone: f"{zone} 的时间",
    at=lambda *, weekday, day, clock: f"{day} {weekday} {clock}".replace("  ", " "),
    wrote=lambda path: f"已写入 {path}。",
    contains=lambda path: f"{path} 的内容：",
    gave=lambda tool: f"{tool} 返回：",
)

_HAN = re.compile(r"[\u4e00-\u9fff]")
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_ABOUT_EARLIER = re.compile(
    r"what (?:did|have) i (?:just )?(?:ask|say|said|asked)|my (?:last|previous|first) question|我.{0,4}问.{0,4}什么",
    re.IGNORECASE,
)
_LONG = re.compile(r"^\W*long\W*$|\blong(?:er)? (?:answer|reply|text|story)\b|很长|长回答|长一点", re.IGNORECASE)


def phrases_for(question: str) -> Phrases:
    """Chinese for a question in Chinese, English for all others."""
    return _CHINESE if _HAN.search(question) and not _KANA_OR_HANGUL.search(question) else _ENGLISH


def answer_without_tools(question: str, earlier: Sequence[str], phrases: Phrases) -> str:
    """The answer to what needs no tool; who is speaking is said in each."""
    if _ABOUT_EARLIER.search(question):
        return f"{_recall(earlier, phrases)}\n\n{phrases.disclosure}\n"
    if "markdown" in question.lower():
        return f"{_TOUR}\n{phrases.disclosure}\n"
    if _LONG.search(question):
        return f"{_long_answer()}\n\n{phrases.disclosure}\n"
    return f"{phrases.introduction}\n"


def _recall(earlier: Sequence[str], phrases: Phrases) -> str:
    if not earlier:
        return phrases.nothing_asked_before
    lines = [f"{place}. {_quoted(text)}" for place, text in enumerate(earlier, start=1)]
    return "\n".join([f"{phrases.asked_before}\n", *lines[-10:]])


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return "`" + (line if len(line) <= _FIRST_AND_LAST else line[:_FIRST_AND_LAST] + "…").replace("`", "'") + "`"


def _long_answer() -> str:
    lines = [
        f"- **{number}** is {_kind(number)}; its square is {number**2:,}, and in binary it is `{number:b}`."
        for number in range(2, 82)
    ]
    return "\n".join(["## Eighty numbers\n", "Long enough to scroll, to stop, or to watch in a second tab.\n", *lines])


def _kind(number: int) -> str:
    divisor = next((divisor for divisor in range(2, isqrt(number) + 1) if number % divisor == 0), None)
    return f"{divisor} × {number // divisor}" if divisor else "prime"


_TOUR = r"""# What Markdown can do here

A paragraph with **bold**, *italic*, ~~struck~~ text, `inline code`, a [link](https://commonmark.org)
and a footnote[^1].

## Lists

1. First this,
2. then that:
   - a part of it
   - and another

- [x] A task that is done
- [ ] and one that is not

## A table

| Language | Typing  | Year |
| :------- | :-----: | ---: |
| Python   | dynamic | 1991 |
| Rust     | static  | 2015 |
| Haskell  | static  | 1990 |

## Code

```python
def fibonacci(count: int) -> list[int]:
    numbers = [0, 1]
    while len(numbers) < count:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:count]
```

## A quotation

> Programs must be written for people to read,
> and only incidentally for machines to execute.
>
> — *Structure and Interpretation of Computer Programs*

## Mathematics

Inline, $E = mc^2$, and on a line of its own:

$$
\int_{-\infty}^{\infty} e^{-x^2} dx = \sqrt{\pi}
$$

---

[^1]: Which is explained down here.
"""
