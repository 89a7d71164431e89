"""Configures markdown-it for CommonMark with tables, strikethrough, task lists, footnotes, bare links and formulas.

Raw HTML is escaped, except for `<br>`, which models write in tables. An image becomes a link with the class `image`.
The limits below bound the time and memory that any text can take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml, unescapeAll
from markdown_it.renderer import RendererHTML, RendererProtocol
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.footnote import footnote_plugin

from conversations.markdown.formulas import formulas_plugin

MAX_DEPTH = 50
"""Nesting levels. HTML parsers take quadratic time in the depth."""
MAX_INLINE = 10_000
"""Characters of a paragraph, heading or table cell that is parsed; a longer one is shown as plain text.

Some inline rules scan the rest of the paragraph at every delimiter, which is quadratic in its length.
"""
MAX_STEPS = 60_000
"""Attempts to parse a line or an inline delimiter, counted once per nesting level.

Ordinary text with many delimiters needs about one step per five characters. A step takes about ten microseconds.
"""
MAX_TOKENS = 100_000
"""Block tokens. Every row of a table has all of its cells, including those that the source leaves out."""
MAX_RENDERED = 2_000_000
"""Characters of text and URLs in the output. A link reference repeats its URL wherever it is used."""

_INTERRUPTIBLE = ["paragraph", "reference", "blockquote", "list"]
_TASK = re.compile(r"\[[ xX]\] ")
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)


class LimitExceeded(Exception):
    """The text nests too deeply, takes too many steps to parse or has too large a result."""


def create_parser() -> MarkdownIt:
    """Returns a parser whose `render` is thread-safe and raises LimitExceeded.

    All state of a call is in its `env`, where `docId` makes the ids of footnotes unique to a text.
    """
    parser = MarkdownIt("js-default", {"linkify": True, "maxNesting": MAX_DEPTH + 1}, renderer_cls=_Renderer)
    parser.linkify = _create_linkifier()
    parser.use(footnote_plugin, inline=False).use(formulas_plugin)
    parser.block.ruler.before("table", "count_lines", _count_line, {"alt": _INTERRUPTIBLE})
    parser.inline.ruler.before("text", "count_delimiters", _count_delimiter)
    parser.inline.ruler.before("autolink", "line_break_tag", _parse_line_break_tag)
    for name, rule in _RENDER_RULES.items():
        parser.add_render_rule(name, rule)
    parser.core.ruler.after("block", "limit_blocks", _limit_blocks)
    parser.core.ruler.after("limit_blocks", "tasks", _parse_tasks)
    parser.core.ruler.before("linkify", "count_urls", _count_urls)
    parser.core.ruler.push("links", _rewrite_links)
    parser.core.ruler.push("limit_result", _limit_result)
    parser.render("The first call compiles the chains of rules, which is not thread-safe.")
    return parser


class _WwwLinks:
    """A linkify-it schema for URLs that start with `www.`, as methods: linkify-it passes itself to plain functions."""

    def __init__(self, linkifier: Any) -> None:
        after_www = r"[\w-]+(?:\.[\w-]+)*" + linkifier.re["src_port"] + linkifier.re["src_path"]
        self._after_www = re.compile(after_www, re.IGNORECASE)

    def validate(self, text: str, position: int) -> int:
        """Returns the length of the URL after `www.`, 0 if there is none."""
        match = self._after_www.match(text, position)
        return len(match.group()) if match else 0

    def normalize(self, match: Any) -> None:
        match.url = f"http://{match.url}"


def _create_linkifier() -> LinkifyIt:
    # Without fuzzy links, which would also make links of file names
    linkifier = LinkifyIt({"ftp:": None, "//": None}, {"fuzzy_link": False})
    www = _WwwLinks(linkifier)
    return linkifier.add("www.", {"validate": www.validate, "normalize": www.normalize})


class _Renderer(RendererHTML):
    def list_item_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Starts a task with a checkbox that is labeled with the task's text."""
        tag = self.renderToken(tokens, idx, options, env)
        if "checked" not in tokens[idx].meta:
            return tag
        children = tokens[idx + 2].children or ()
        label = escapeHtml("".join(" " if child.type == "softbreak" else child.content for child in children))
        checked = " checked" if tokens[idx].meta["checked"] else ""
        return f'{tag}<input type="checkbox" disabled{checked} aria-label="{label}"> '


def code_block(code: str, language: str = "") -> str:
    """Returns the HTML of a code block, in a box to which the page's script adds buttons."""
    name = escapeHtml(language)
    box_attribute, code_attribute = (f' data-language="{name}"', f' class="language-{name}"') if name else ("", "")
    # The code scrolls, so it must be focusable
    code_element = f"<code{code_attribute}>{escapeHtml(code)}</code>"
    return f'<div class="code"{box_attribute}><pre tabindex="0">{code_element}</pre></div>\n'


def _render_constant(html: str) -> Callable[..., str]:
    return lambda *_token: html


def _render_fence(_renderer: RendererProtocol, tokens: Sequence[Token], index: int, *_: object) -> str:
    info = unescapeAll(tokens[index].info).split(maxsplit=1)
    return code_block(tokens[index].content, info[0] if info else "")


def _render_indented_code(_renderer: RendererProtocol, tokens: Sequence[Token], index: int, *_: object) -> str:
    return code_block(tokens[index].content)


_RENDER_RULES: dict[str, Callable[..., str]] = {
    # The plugin would add a horizontal rule, which the stylesheet draws
    "footnote_block_open": _render_constant('<section class="footnotes">\n<ol class="footnotes-list">\n'),
    "table_open": _render_constant('<div class="table" tabindex="0"><table>\n'),
    "table_close": _render_constant("</table></div>\n"),
    "fence": _render_fence,
    "code_block": _render_indented_code,
}


def _parse_line_break_tag(state: StateInline, silent: bool) -> bool:
    match = _LINE_BREAK_TAG.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = match.end()
    return True


def _parse_tasks(state: StateCore) -> None:
    """Marks list items that start with `[ ]` or `[x]` as tasks, and removes the brackets."""
    tokens = state.tokens
    for item, paragraph, text in zip(tokens, tokens[1:], tokens[2:], strict=False):
        starts_item = item.type == "list_item_open" and paragraph.type == "paragraph_open" and text.type == "inline"
        if starts_item and _TASK.match(text.content):
            item.meta["checked"] = text.content[1] != " "
            text.content = text.content[4:]


def _rewrite_links(state: StateCore) -> None:
    """Makes links open in a new tab, images links, and the alignment of table cells an attribute."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open") and token.attrs:
            # The Content-Security-Policy forbids style attributes
            token.attrs = {"align": str(token.attrs["style"]).removeprefix("text-align:")}
        if token.type == "inline":
            token.children = list(_replace_images(token.children or []))


def _replace_images(tokens: Sequence[Token], *, inside_link: bool = False) -> Iterator[Token]:
    """Replaces images by links to them. Links do not nest: only the text of a link or image in a link is kept."""
    is_in_link = inside_link
    for token in tokens:
        if token.type == "image":
            yield from _replace_image(token, inside_link=is_in_link)
        elif token.type not in ("link_open", "link_close"):
            yield token
        elif not inside_link:
            is_in_link = token.type == "link_open"
            if is_in_link:
                token.attrs["target"] = "_blank"
            yield token


def _replace_image(image: Token, *, inside_link: bool) -> Iterator[Token]:
    """Yields a link whose text is the image's description, or its URL if it has none."""
    url = str(image.attrs["src"])
    description = image.children or [Token("text", "", 0, content=url)]
    if inside_link:
        yield from _replace_images(description, inside_link=True)
        return
    title = {"title": image.attrs["title"]} if "title" in image.attrs else {}
    yield Token("link_open", "a", 1, attrs={"href": url, "class": "image", "target": "_blank", **title})
    yield from _replace_images(description, inside_link=True)
    yield Token("link_close", "a", -1)


def _count_line(state: StateBlock, _start_line: int, _end_line: int, _silent: bool) -> bool:
    _count_steps(state.env, 1)
    if len(state.tokens) > MAX_TOKENS:
        raise LimitExceeded
    return False


def _count_delimiter(state: StateInline, _silent: bool) -> bool:
    # For a bracket the rest of the paragraph is scanned for its end, for a colon the text before it for a scheme
    steps = 1
    if state.src.startswith(("[", "!["), state.pos):
        steps += 3 + len(state.src) // 128
    elif state.src.startswith("://", state.pos):
        steps += len(state.src) // 256
    _count_steps(state.env, steps)
    return False


def _count_urls(state: StateCore) -> None:
    # The end of a URL is searched for at each possible start, even inside another URL
    for token in state.tokens:
        if token.type == "inline":
            starts = token.content.count("@") + token.content.lower().count("www.")
            _count_steps(state.env, starts * (1 + len(token.content) // 256))


def _count_steps(env: EnvType, steps: int) -> None:
    env["steps"] = env.get("steps", 0) + steps
    if env["steps"] > MAX_STEPS:
        raise LimitExceeded


def _limit_blocks(state: StateCore) -> None:
    for token in state.tokens:
        # markdown-it would omit deeper blocks without an error
        if token.level >= MAX_DEPTH:
            raise LimitExceeded
        if token.type == "inline" and len(token.content) > MAX_INLINE:
            token.type = "text"


def _limit_result(state: StateCore) -> None:
    size = 0
    for token in state.tokens:
        depth = token.level
        for part in (token, *(token.children or ())):
            depth += part.nesting
            size += len(part.content) + sum(len(str(value)) for value in part.attrs.values())
            if depth > MAX_DEPTH or size > MAX_RENDERED:
                raise LimitExceeded
