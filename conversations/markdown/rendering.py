"""Markdown, as a model writes it, to HTML that is safe to show."""

from __future__ import annotations

import hashlib

import nh3

from conversations.markdown.parser import BeyondBounds, code_block, make_parser

MAX_SOURCE = 200_000
"""Characters of Markdown that are formatted. What is over this, or over the parser's bounds, is shown as its source."""

LINK_SCHEMES = {"http", "https", "mailto"}

_BLOCKS = {"blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "ul"}
_TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
_INLINES = {"a", "br", "code", "em", "input", "s", "span", "strong", "sup"}
_ALIGNMENTS = {"left", "center", "right"}


def render_markdown(text: str) -> str:
    """Safe HTML of a text in CommonMark with tables, strikethrough, task lists, footnotes, bare links and formulas.

    Raw HTML in the source is shown as the text it is (but `<br>` breaks the line, as models write it in tables);
    an image becomes a link of the class `image` to it, so that nothing is loaded from another host by itself; links go
    to http, https and mailto only and open in a new tab; a formula is its source, in an element of the class `math`.
    Takes some milliseconds per thousand characters and two seconds at most, with the interpreter's lock: call it in a
    thread, and keep the result.
    """
    text = text.encode(errors="replace").decode()
    if len(text) > MAX_SOURCE:
        return _render_source(text)
    try:
        rendered = _parser.render(text, {"docId": hashlib.sha256(text.encode()).hexdigest()[:8]})
    except BeyondBounds:
        return _render_source(text)
    return _cleaner.clean(rendered)


def _keep_footnote_anchor(address: str) -> str | None:
    return address if address.startswith(("#fn-", "#fnref-")) else None


def _render_source(text: str) -> str:
    return code_block(text)


_parser = make_parser()
_cleaner = nh3.Cleaner(
    tags=_BLOCKS | _TABLES | _INLINES,
    clean_content_tags=set(),
    attributes={
        "a": {"href", "title", "id"},
        "code": {"class"},
        "div": {"data-language"},
        "input": {"checked", "aria-label"},
        "li": {"id"},
        "ol": {"start"},
    },
    tag_attribute_values={
        "a": {"target": {"_blank"}},
        "div": {"tabindex": {"0"}},
        "pre": {"tabindex": {"0"}},
        "td": {"align": _ALIGNMENTS},
        "th": {"align": _ALIGNMENTS},
    },
    set_tag_attribute_values={"input": {"type": "checkbox", "disabled": ""}},
    allowed_classes={
        "a": {"footnote-backref", "image"},
        "div": {"code", "math", "table"},
        "section": {"footnotes"},
        "span": {"math"},
        "sup": {"footnote-ref"},
    },
    url_schemes=LINK_SCHEMES,
    url_relative=_keep_footnote_anchor,
    link_rel="noopener noreferrer nofollow",
)
