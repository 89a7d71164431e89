"""Renders a model's Markdown as safe HTML."""

from __future__ import annotations

import hashlib

import nh3

from conversations.markdown.parser import LimitExceeded, code_block, create_parser

MAX_SOURCE = 200_000
"""Characters. A longer text, or one that exceeds the parser's limits, is shown as its source."""

LINK_SCHEMES = {"http", "https", "mailto"}

_BLOCKS = {"blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "ul"}
_TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
_INLINES = {"a", "br", "code", "em", "input", "s", "span", "strong", "sup"}
_ALIGNMENTS = {"left", "center", "right"}


def render_markdown(text: str) -> str:
    """Returns safe HTML for CommonMark with tables, strikethrough, task lists, footnotes, bare links and formulas.

    Raw HTML is escaped, except for `<br>`. An image becomes a link with the class `image`, so that the page loads
    nothing from another host by itself. Links open in a new tab and have the scheme http, https or mailto. A formula is
    its TeX source in an element with the class `math`.

    Takes a few milliseconds per thousand characters and at most two seconds, holding the GIL: call it in a thread, and
    store the result.
    """
    text = text.encode(errors="replace").decode()
    if len(text) > MAX_SOURCE:
        return code_block(text)
    try:
        html = _parser.render(text, {"docId": hashlib.sha256(text.encode()).hexdigest()[:8]})
    except LimitExceeded:
        return code_block(text)
    return _cleaner.clean(html)


def _keep_footnote_anchor(url: str) -> str | None:
    return url if url.startswith(("#fn-", "#fnref-")) else None


_parser = create_parser()
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
