"""What the demo model says about itself, and a tour of Markdown."""

from django.utils.translation import gettext_lazy as _

DISCLOSURE = _(
    "*I am the built-in demo model, not an AI: I recognize a few kinds of questions by their words. For a real model, "
    "set `LLM_BASE_URL` and `LLM_MODEL` in `.env`; the README shows how.*"
)
INTRODUCTION = _(
    "I am the **demo model** that answers while no language model is connected. I am not an AI, but the rest is real: "
    "answers are streamed, tools are called, and everything is stored.\n\n"
    "I can calculate, tell the time in a city, and write, read and list files. For example:\n\n"
    "{suggestions}\n\n"
    "To connect a real model, put its server and its name into `.env` and start again; see the README:\n\n"
    "```ini\nLLM_BASE_URL=http://localhost:11434/v1\nLLM_MODEL=qwen3\n```"
)

MARKDOWN_TOUR = r"""# What Markdown can do here

A paragraph with **bold**, *italic*, ~~struck~~ text, `inline code`, a [link](https://commonmark.org)
and a footnote[^1].

1. First this,
2. then that:
   - [x] a task that is done
   - [ ] and one that is not

| Language | Typing  | Year |
| :------- | :-----: | ---: |
| Python   | dynamic | 1991 |
| Rust     | static  | 2015 |

```python
def fibonacci(count: int) -> list[int]:
    numbers = [0, 1]
    while len(numbers) < count:
        numbers.append(sum(numbers[-2:]))
    return numbers
```

> Programs must be written for people to read,
> and only incidentally for machines to execute.
> — *Structure and Interpretation of Computer Programs*

## Mathematics

Inline, $E = mc^2$, and as a block:

$$
\int_{-\infty}^{\infty} e^{-x^2} dx = \sqrt{\pi}
$$

[^1]: Which is explained down here.
"""
