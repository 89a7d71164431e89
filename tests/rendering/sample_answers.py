"""Answers as models write them, with Markdown that is hard to render."""

SAMPLE_ANSWERS = [
    "Sure! Here is **how** it works:\n\n1. *Fetch* the page\n2. Parse `<html>` &mdash; carefully\n"
    "   - with `lxml`\n   - or *not*\n\n"
    "```python\nimport lxml  # the parser\n\nfor a in b:\n    print(f'{a} & {b}')\n```\n\nThat's it.",
    "| Model | Tokens | Note |\n|:--|--:|:-:|\n| a | 1,000 | `x \\| y` |\n"
    "| b | 20 | **fast**<br>and *cheap* |\n\nSee www.example.com.",
    "The mass is $m = E / c^2$, and\n\n$$\n\\int_0^\\infty e^{-x}\\,dx = 1\n$$\n\n"
    "so \\(a_1 * b_2\\) and \\[x_1 * y_2\\] cost $5 or $6.",
    "- [x] write it\n- [ ] *test* it\n- ship `it`\n\n* other\n+ list",
    "> Note: **quotes** nest\n> > like this\n>\n> - and hold\n> - lists\n\nand end.",
    "Steps:\n\n1. One\n\n   ```bash\n   make all\n   ```\n\n2. Two\n\n       indented code\n\n3. Three",
    "Mail me@example.com or see https://example.com/a_(b)?c=d&e=f#g, (https://example.com/x) and <https://example.com/y>.",
    "A heading\n=========\n\nAnother\n-------\n\n### Third `code` ###\n\n* * *\n\nText\\\nwith breaks  \nof both kinds",
    '![A cat](https://example.com/cat.png "title") and [![b](https://example.com/b.svg)](https://example.com)'
    " and [x](/local)",
    "~~gone~~ ~one~ **bold*italic*** ***both*** snake_case_word 2*3*4 __init__ **中文**粗体 ** not bold **",
    "مرحبا **بالعالم** `code` 你好，世界。“quotes” — dashes… (c) emoji 🎉",
    '[ref][1] and [2] and [^1]\n\n[1]: https://example.com "One"\n[2]: <https://example.com/two>',
    "<details><summary>Raw</summary>\n\n<b>html</b> is *text*\n\n</details>\n\n<script>alert(1)</script>",
    '```\nno language\n```\n\n~~~js title="x.js"\nconst x = `a`;\n~~~\n\n````md\n```\ninner\n```\n'
    "````\n\n```unclosed\nrest",
    "1) one\n2) two\n\n10. ten\n11. eleven\n\n- a\n\n- loose\n\n- list\n    continued\n\n      deep",
    "Line one\nline two with trailing spaces  \nline three\n\n\n\nfar\n\n\tcode by a tab",
    "Escapes: \\*not em\\* \\`not code\\` \\# \\[x\\](y) &amp; &copy; &#35; &nbsp;x 1\\. 2\\)",
    "Term `` code with ` tick `` and ``` three ``` and `unclosed",
]
