"""The questions and answers in the pictures of script/screenshots."""

from __future__ import annotations

from tests.modelserver import (
    Gate,
    ModelRequest,
    Part,
    Reply,
    answer,
    calls,
    done,
    finish,
    status,
    text,
    thinking,
    tool_call,
    usage,
    wait_for,
)

MODELS = ("qwen3-32b", "mistral-small", "gemma-3-27b")
EARLIER_QUESTIONS = (
    "Names for a grey cat",
    "Translate the rental contract",
    "Regular expression for dates",
    "Packing for the choir trip",
)
"""The first thirty characters of a first question become the title of its conversation."""
QUESTION = (
    "Holiday flat, shared by three of us: 7 nights at 128.50 €, and I paid the deposit of 180 €. "
    "What does each of the others owe me?"
)
PROJECT = "Choir trip to Porto"
INSTRUCTIONS = "We are 24 singers, most of us over sixty. Answer in short lists, and name prices in euros."
PROJECT_QUESTION = "Write a packing list into a file"
PACKING_LIST = "# Packing\n\n- black folder\n- concert dress\n- comfortable shoes\n- adapter for the keyboard\n"
ARABIC_QUESTION = "كيف أجمع عددين في Python؟"
ARABIC_ANSWER = """بسطر واحد:

```python
print(2 + 3)
```

1. الدالة `print` تعرض النتيجة.
2. العلامة `+` تجمع.

| العملية | المثال |
| :-- | --: |
| جمع | 2 + 3 |

> كل شيء في **Python** كائن.
"""
LAST_QUESTION = "Make that a small Python function, please"
THINKING = (
    "Seven nights at 128.50 € make the total. Shared by three, that is one share each. The deposit was paid by the "
    "person who asks, so the other two owe a third of it now, and the rest is due on arrival. I calculate both."
)
ANSWER = """\
Each of the other two owes you **60.00 €** for the deposit now. On arrival, everyone pays a third of the rest.

| | Total | Each of three |
| :-- | --: | --: |
| 7 nights at 128.50 € | 899.50 € | 299.83 € |
| Deposit, paid by you | 180.00 € | 60.00 € |
| **Left to pay on arrival** | **719.50 €** | **239.83 €** |

In short, with $n$ people, $r$ a night and a deposit $d$:

$$\\text{on arrival} = \\frac{7r - d}{n} = \\frac{899.50 - 180}{3} \\approx 239.83$$
"""
LAST_ANSWER = """Here it is, with what is left over from rounding given to the first people:

```python
from decimal import Decimal


def share(total: Decimal, people: int) -> list[Decimal]:
    \"\"\"Splits an amount to the cent, so that the parts add up.\"\"\"
    cents, left = divmod(int(total * 100), people)
    return [Decimal(cents + (n < left)) / 100 for n in range(people)]


print(share(Decimal("719.50"), 3))  # 239.84, 239.83, 239.83
```

- `divmod` works in whole cents, so nothing is lost to binary fractions.
- For another number of people, change the second argument.
"""
PARTIAL_THINKING = "One line runs along the coast, the other through the hills. The coast is slower, but "
PARTIAL_ANSWER = (
    "## Sourdough, in short\n\nA **starter** is flour and water in which wild yeast and bacteria live. "
    "Fed every day, it bubbles"
)


class Answers:
    """The model's reply to each request."""

    def __call__(self, request: ModelRequest) -> Reply:
        messages = request.body["messages"]
        question = next(message["content"] for message in reversed(messages) if message["role"] == "user")
        has_tool_results = messages[-1]["role"] == "tool"
        if question == QUESTION:
            return answer(ANSWER, prompt=1480, completion=262) if has_tool_results else self._call_calculator()
        if question == LAST_QUESTION:
            return answer(LAST_ANSWER, thought="Decimal is right for money.", prompt=1911, completion=214)
        if question == PROJECT_QUESTION and not has_tool_results:
            return calls(tool_call("write_file", {"path": "packing.md", "content": PACKING_LIST}))
        if question == PROJECT_QUESTION:
            return answer("The list is in `packing.md`, with what singers forget most.", prompt=690, completion=21)
        if question == ARABIC_QUESTION:
            return answer(ARABIC_ANSWER, thought="سؤال بسيط.", prompt=64, completion=80)
        return self._reply_to_other(question, has_tool_results=has_tool_results)

    def _call_calculator(self) -> Reply:
        return calls(
            thinking(THINKING),
            tool_call("calculator", {"expression": "7 * 128.50"}),
            tool_call("calculator", {"expression": "(7 * 128.50 - 180) / 3"}, call_id="call_2", index=1),
            prompt=1120,
            completion=141,
        )

    def _reply_to_other(self, question: str, *, has_tool_results: bool) -> Reply:
        """Returns a reply that is incomplete when the picture is taken, or that fails."""
        wait, end = wait_for(Gate()), [finish(), usage(), done()]
        if "Porto" in question:
            return [thinking(PARTIAL_THINKING), wait, *end]
        if "whales" in question:
            return status(503)
        if "sourdough" in question:
            return [text(PARTIAL_ANSWER), wait, *end]
        if "Tokyo" in question and not has_tool_results:
            return self._call_current_time()
        if "Tokyo" in question:
            return [wait, *end]
        return answer("Gladly: tell me a little more about it, and I will begin.")

    def _call_current_time(self) -> Reply:
        parts: list[Part] = [thinking("Two places, two clocks.")]
        for index, zone in enumerate(("Europe/Lisbon", "Asia/Tokyo")):
            parts.append(tool_call("current_time", {"timezone": zone}, call_id=f"call_{index}", index=index))
        return calls(*parts)
