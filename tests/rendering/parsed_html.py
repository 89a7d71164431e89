"""Parses rendered HTML with the standard library and reports tags, attributes and URLs that are not allowed."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

Attributes = dict[str, str | None]

BLOCKS = {"blockquote", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "ul"}
TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
INLINES = {"a", "br", "code", "em", "input", "s", "span", "strong", "sup"}
TAGS = BLOCKS | TABLES | INLINES
ATTRIBUTES = {
    "a": {"href", "title", "target", "rel", "id", "class"},
    "code": {"class"},
    "div": {"class", "data-language", "tabindex"},
    "input": {"type", "checked", "disabled", "aria-label"},
    "li": {"id"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "section": {"class"},
    "span": {"class"},
    "sup": {"class"},
    "td": {"align"},
    "th": {"align"},
}
CLASSES = {
    "a": {"", "footnote-backref", "image"},
    "div": {"code", "math", "table"},
    "section": {"footnotes"},
    "span": {"math"},
    "sup": {"footnote-ref"},
}
SCHEMES = {"http", "https", "mailto"}


class ParsedHtml(HTMLParser):
    """The `elements` of the HTML in order with their attributes, its `text`, and a list of what is `unsafe` in it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, Attributes]] = []
        self.text = ""
        self.unsafe: list[str] = []
        self._inside_link = False
        self.feed(html)
        self.close()

    def links(self) -> list[Attributes]:
        return [attributes for tag, attributes in self.elements if tag == "a"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        self.unsafe += [f"tag {tag}"] if tag not in TAGS else []
        self.unsafe += [f"attribute {name} of {tag}" for name in attributes if name not in ATTRIBUTES.get(tag, set())]
        if len(attrs) != len(attributes):
            self.unsafe.append(f"a duplicate attribute of {tag}")
        if tag == "a":
            self._check_link(attributes)
        if tag == "input" and (attributes.get("type") != "checkbox" or "disabled" not in attributes):
            self.unsafe.append("an input that is not a disabled checkbox")
        if tag == "code" and not (attributes.get("class") or "language-").startswith("language-"):
            self.unsafe.append("a class that is not a language")
        if attributes.get("tabindex", "0") != "0":
            self.unsafe.append(f"a tabindex of {tag} other than 0")
        if tag in CLASSES and (attributes.get("class") or "") not in CLASSES[tag]:
            self.unsafe.append(f"the class {attributes.get('class')} of {tag}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._inside_link = False

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.unsafe.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.unsafe.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.unsafe.append(f"instruction {data}")

    def unknown_decl(self, data: str) -> None:
        self.unsafe.append(f"declaration {data}")

    def _check_link(self, attributes: Attributes) -> None:
        if self._inside_link:
            self.unsafe.append("a link inside a link")
        self._inside_link = True
        address = attributes.get("href")
        if address is not None and not address.startswith(("#fn-", "#fnref-")):
            if urlsplit(address).scheme.lower() not in SCHEMES:
                self.unsafe.append(f"address {address}")
            if attributes.get("target") != "_blank" or "noopener" not in (attributes.get("rel") or ""):
                self.unsafe.append(f"a link without target or rel: {address}")
