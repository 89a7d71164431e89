"""Checks a page against axe-core's accessibility rules, in both themes and on a large and a small screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Literal

from playwright.sync_api import Page

from tests.programs import NODE_MODULES

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SCREENS = {"large": (1280, 800), "small": (375, 812)}
RUN_AXE = "() => axe.run(document, {resultTypes: ['violations']})"


@cache
def axe() -> str:
    return (NODE_MODULES / "axe-core" / "axe.min.js").read_text()


def violations(page: Page) -> list[str]:
    """Returns a line per violation: the rule, the element and axe's summary."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe())
    found: dict[str, Any] = page.evaluate(RUN_AXE)
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def appearances(page: Page, screens: Iterable[str] = SCREENS) -> Iterator[str]:
    """Shows the page in every theme on every screen, yields the name of each, and restores the page afterwards."""
    before = page.viewport_size
    for screen in screens:
        width, height = SCREENS[screen]
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            yield f"{screen}, {theme}"
    page.emulate_media(color_scheme=None, reduced_motion=None)
    if before:
        page.set_viewport_size(before)


def violations_by_appearance(page: Page, screens: Iterable[str] = SCREENS) -> dict[str, list[str]]:
    """Returns the violations by appearance; empty if there are none."""
    found = {appearance: violations(page) for appearance in appearances(page, screens)}
    return {appearance: broken for appearance, broken in found.items() if broken}
