"""The Markdown that texts are written in: CommonMark with tables, strikethrough, task lists, footnotes, bare links and
formulas, as markdown-it understands it.

Raw HTML is text, but `<br>` breaks the line, as models write it in tables. An image is a link to it, of the class
`image`.
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
"""Levels that may be nested: more than a reader can follow, and what parses HTML takes quadratic time over them."""
MAX_INLINE = 10_000
"""Characters of a paragraph, a heading or a cell that are searched for marks; a longer one is plain text. What looks
through the rest of it at every mark takes quadratic time."""
MAX_STEPS = 60_000
"""Attempts at a line, or at a mark in one: what nests is attempted at each level. A text full of marks, as people
write it, needs one for five characters; each takes some ten microseconds."""
MAX_TOKENS = 100_000
"""Starts, texts and ends of blocks: each row of a table has all its cells, also those that the source leaves out."""
MAX_RENDERED = 2_000_000
"""Characters of text and addresses, each of which is repeated wherever it is referred to."""

_ENDED_BY_ANY_BLOCK = ["paragraph", "reference", "blockquote", "list"]
_TASK = re.compile(r"\[[ xX]\] ")
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)


class BeyondBounds(Exception):
    """The text nests deeper, takes more steps or grows larger than is allowed."""


def make_parser() -> MarkdownIt:
    """Its `render` may be called in several threads at once: what is found out about a text is in the call's `env`, in
    which `docId` sets the text's footnotes apart from those of others. Raises BeyondBounds."""
    parser = MarkdownIt("js-default", {"linkify": True, "maxNesting": MAX_DEPTH + 1}, renderer_cls=_Renderer)
    parser.linkify = _make_linkifier()
    parser.use(footnote_plugin, inline=False).use(formulas_plugin)
    parser.block.ruler.before("table", "count_lines", _count_line, {"alt": _ENDED_BY_ANY_BLOCK})
    parser.inline.ruler.before("text", "count_marks", _count_mark)
    parser.inline.ruler.before("autolink", "line_break_tag", _line_break_tag)
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    parser.core.ruler.after("block", "bound_blocks", _bound_blocks)
    parser.core.ruler.after("bound_blocks", "tasks", _take_tasks)
    parser.core.ruler.before("linkify", "count_addresses", _count_addresses)
    parser.core.ruler.push("links", _finish_links)
    parser.core.ruler.push("bound_result", _bound_result)
    parser.render("Chains of rules are put together when first used, which more than one thread must not do at once.")
    return parser


class _WebAddress:
    """Of bare addresses without a scheme, those with `www.` are links. Others are mostly names of files."""

    def __init__(self, linkifier: Any) -> None:
        after_www = r"[\w-]+(?:\.[\w-]+)*" + linkifier.re["src_port"] + linkifier.re["src_path"]
        self._after_www = re.compile(after_www, re.IGNORECASE)

    def measure(self, text: str, position: int) -> int:
        found = self._after_www.match(text, position)
        return len(found.group()) if found else 0

    def complete(self, match: Any) -> None:
        match.url = f"http://{match.url}"


def _make_linkifier() -> LinkifyIt:
    linkifier = LinkifyIt({"ftp:": None, "//": None}, {"fuzzy_link": False})
    address = _WebAddress(linkifier)
    return linkifier.add("www.", {"validate": address.measure, "normalize": address.complete})


class _Renderer(RendererHTML):
    def list_item_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """A task's checkbox stands at its start and has its text for a name."""
        start = self.renderToken(tokens, idx, options, env)
        if "checked" not in tokens[idx].meta:
            return start
        parts = tokens[idx + 2].children or ()
        name = escapeHtml("".join(" " if part.type == "softbreak" else part.content for part in parts))
        checked = " checked" if tokens[idx].meta["checked"] else ""
        return f'{start}<input type="checkbox" disabled{checked} aria-label="{name}"> '


def _html(html: str) -> Callable[..., str]:
    return lambda *_of_token: html


def _fence(_renderer: RendererProtocol, tokens: Sequence[Token], index: int, *_: object) -> str:
    info = unescapeAll(tokens[index].info).split(maxsplit=1)
    return code_block(tokens[index].content, info[0] if info else "")


def _indented_code(_renderer: RendererProtocol, tokens: Sequence[Token], index: int, *_: object) -> str:
    return code_block(tokens[index].content)


def code_block(code: str, language: str = "") -> str:
    """In a box with room for what the page's script puts there; it scrolls, so the keyboard has to reach it."""
    name = escapeHtml(language)
    box, kind = (f' data-language="{name}"', f' class="language-{name}"') if name else ("", "")
    return f'<div class="code"{box}><pre tabindex="0"><code{kind}>{escapeHtml(code)}</code></pre></div>\n'


_RULES: dict[str, Callable[..., str]] = {
    # Without the plugin's line above them, which the section's style draws
    "footnote_block_open": _html('<section class="footnotes">\n<ol class="footnotes-list">\n'),
    "table_open": _html('<div class="table" tabindex="0"><table>\n'),
    "table_close": _html("</table></div>\n"),
    "fence": _fence,
    "code_block": _indented_code,
}


def _line_break_tag(state: StateInline, silent: bool) -> bool:
    found = _LINE_BREAK_TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _take_tasks(state: StateCore) -> None:
    tokens = state.tokens
    for item, paragraph, text in zip(tokens, tokens[1:], tokens[2:], strict=False):
        starts_item = item.type == "list_item_open" and paragraph.type == "paragraph_open" and text.type == "inline"
        if starts_item and _TASK.match(text.content):
            item.meta["checked"] = text.content[1] != " "
            text.content = text.content[4:]


def _finish_links(state: StateCore) -> None:
    """Links open a new tab. Tables align by an attribute, where a policy for contents forbids styles."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open") and token.attrs:
            token.attrs = {"align": str(token.attrs["style"]).removeprefix("text-align:")}
        if token.type == "inline":
            token.children = list(_link_images(token.children or []))


def _link_images(tokens: Sequence[Token], *, inside_link: bool = False) -> Iterator[Token]:
    """Links do not nest: inside of another, a link or an image leaves its text alone."""
    inside = inside_link
    for token in tokens:
        if token.type == "image":
            yield from _link_image(token, inside_link=inside)
        elif token.type not in ("link_open", "link_close"):
            yield token
        elif not inside_link:
            inside = token.type == "link_open"
            if inside:
                token.attrs["target"] = "_blank"
            yield token


def _link_image(image: Token, *, inside_link: bool) -> Iterator[Token]:
    """The link's text is the image's description, else its address."""
    address = str(image.attrs["src"])
    description = image.children or [Token("text", "", 0, content=address)]
    if inside_link:
        yield from _link_images(description, inside_link=True)
        return
    title = {"title": image.attrs["title"]} if "title" in image.attrs else {}
    yield Token("link_open", "a", 1, attrs={"href": address, "class": "image", "target": "_blank", **title})
    yield from _link_images(description, inside_link=True)
    yield Token("link_close", "a", -1)


def _count_line(state: StateBlock, _start_line: int, _end_line: int, _silent: bool) -> bool:
    _count(state.env, 1)
    if len(state.tokens) > MAX_TOKENS:
        raise BeyondBounds
    return False


def _count_mark(state: StateInline, _silent: bool) -> bool:
    """A bracket has the rest of the paragraph looked through for its end, a colon what is before it for a scheme."""
    steps = 1
    if state.src.startswith(("[", "!["), state.pos):
        steps += 3 + len(state.src) // 128
    elif state.src.startswith("://", state.pos):
        steps += len(state.src) // 256
    _count(state.env, steps)
    return False


def _count_addresses(state: StateCore) -> None:
    """At each start of an address its end is looked for, also inside of another."""
    for token in state.tokens:
        if token.type == "inline":
            starts = token.content.count("@") + token.content.lower().count("www.")
            _count(state.env, starts * (1 + len(token.content) // 256))


def _count(env: EnvType, steps: int) -> None:
    env["steps"] = env.get("steps", 0) + steps
    if env["steps"] > MAX_STEPS:
        raise BeyondBounds


def _bound_blocks(state: StateCore) -> None:
    """The parser leaves out what is deeper than its limit."""
    for token in state.tokens:
        if token.level >= MAX_DEPTH:
            raise BeyondBounds
        if token.type == "inline" and len(token.content) > MAX_INLINE:
            token.type = "text"


def _bound_result(state: StateCore) -> None:
    size = 0
    for token in state.tokens:
        depth = token.level
        for part in (token, *(token.children or ())):
            depth += part.nesting
            size += len(part.content) + sum(len(str(value)) for value in part.attrs.values())
            if depth > MAX_DEPTH or size > MAX_RENDERED:
                raise BeyondBounds
