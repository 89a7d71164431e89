"""Takes pictures of every page and state, as somebody sees them who has been using the product for a while."""

from __future__ import annotations

import argparse
import base64
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from script.sample import (
    ARABIC_QUESTION,
    INSTRUCTIONS,
    LAST_QUESTION,
    MODELS,
    PROJECT_QUESTION,
    QUESTION,
    SEED,
    Answers,
)
from script.sample import PROJECT as PROJECT_NAME
from tests.clone import PROJECT, Clone, read_until_ready
from tests.conftest import CHROMIUM_FLAGS
from tests.modelserver import threaded_model_server
from tests.pages.browsing import USERNAME, Chat, make_first_account
from tests.programs import chromium

CHOSEN = PROJECT / "docs" / "screenshots"
QUALITY = 82
"""Of WebP: small, and text is still sharp."""
PATIENCE = 120_000
"""Milliseconds: the machine may have other things to do."""


@dataclass(frozen=True, slots=True)
class Look:
    width: int
    height: int
    theme: Literal["light", "dark"]
    sharpness: int = 2
    """Pixels of the picture to one of the page."""

    @property
    def name(self) -> str:
        return f"{'phone' if self.width < 600 else 'desktop'}-{self.theme}"


DESKTOP_LIGHT, DESKTOP_DARK = Look(1280, 800, "light"), Look(1280, 800, "dark")
PHONE_LIGHT, PHONE_DARK = Look(375, 812, "light"), Look(375, 812, "dark")
DESKTOP, PHONE = (DESKTOP_LIGHT, DESKTOP_DARK), (PHONE_LIGHT, PHONE_DARK)
EVERY = (*DESKTOP, *PHONE)


@dataclass(frozen=True, slots=True)
class State:
    """What a picture shows: how one gets there, in which looks it can be seen, and which of these the project keeps."""

    name: str
    reach: Callable[[Page], None]
    chosen: tuple[Look, ...] = ()
    looks: tuple[Look, ...] = EVERY
    visitor: bool = False
    """Seen by somebody who is not signed in."""
    language: str = "en-GB"


def at(path: str) -> Callable[[Page], None]:
    def reach(page: Page) -> None:
        page.goto(path)

    return reach


def conversation(page: Page) -> None:
    page.goto("/")
    page.goto(page.locator("#conversations a", has_text=QUESTION[:20]).first.get_attribute("href") or "")
    expect(page.locator(".answer").last).to_contain_text("def share")


def its_beginning(page: Page) -> None:
    conversation(page)
    page.locator("#scroller").evaluate("view => view.scrollTop = 0")
    steps = page.locator(".answer").first.locator('[data-type="tool_call"] summary')
    steps.first.click()
    page.mouse.move(0, 0)


def ask(page: Page, question: str) -> Chat:
    page.goto("/")
    chat = Chat(page)
    chat.ask(question)
    return chat


def thinking(page: Page) -> None:
    chat = ask(page, "Which of the two routes to Porto is nicer by train?")
    expect(chat.steps("thinking")).to_contain_text("along the coast")


def calling(page: Page) -> None:
    chat = ask(page, "What time is it for Ana in Lisbon and for Ken in Tokyo?")
    expect(chat.steps("tool_call")).to_have_count(2)


def writing(page: Page) -> None:
    chat = ask(page, "Explain sourdough to me")
    expect(chat.steps("text")).to_contain_text("bubbles")


def failing(page: Page) -> None:
    """In whichever language."""
    page.goto("/")
    page.locator("#composer-text").fill("Do whales sing at night?")
    page.keyboard.press("Enter")
    expect(page.locator(".failure").last).to_be_visible()


def arabic(page: Page) -> None:
    chat = ask(page, ARABIC_QUESTION)
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")


def model_menu(page: Page) -> None:
    conversation(page)
    page.get_by_role("button", name="Model: ").click()


def conversation_settings(page: Page) -> None:
    conversation(page)
    page.get_by_role("button", name="Settings of this conversation").click()


def keys(page: Page) -> None:
    conversation(page)
    page.locator("h1").click()
    page.keyboard.press("?")


def account_menu(page: Page) -> None:
    page.goto("/")
    open_drawer(page)
    page.get_by_role("button", name=USERNAME).click()


def drawer(page: Page) -> None:
    conversation(page)
    open_drawer(page)


def open_drawer(page: Page) -> None:
    """Where the list of conversations is not in sight."""
    opener = page.get_by_role("button", name="Show the list of conversations")
    if opener.is_visible():
        opener.click()


def search(page: Page) -> None:
    conversation(page)
    page.keyboard.press("Control+k")
    page.get_by_role("dialog", name="Search").get_by_role("combobox").fill("f")
    expect(page.locator("#search mark").first).to_be_visible()


def options_of_a_conversation(page: Page) -> None:
    conversation(page)
    page.get_by_role("button", name="Options").first.click(force=True)


def editing(page: Page) -> None:
    conversation(page)
    page.get_by_role("button", name="Edit your message").last.click()


def in_the_project(part: str) -> Callable[[Page], None]:
    def reach(page: Page) -> None:
        page.goto("/projects/")
        page.goto(f"{page.get_by_role('link', name=PROJECT_NAME).last.get_attribute('href')}{part}")

    return reach


def new_token(page: Page) -> None:
    page.goto("/settings/tokens/")
    page.get_by_label("Name").fill("backup script")
    page.get_by_role("button", name="Create token").click()


def refused(page: Page) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()


STATES = (
    State("conversation", conversation, (DESKTOP_LIGHT, DESKTOP_DARK, PHONE_LIGHT, PHONE_DARK)),
    State("steps", its_beginning, (DESKTOP_DARK,)),
    State("new-chat", at("/"), (DESKTOP_LIGHT, PHONE_DARK)),
    State("thinking", thinking, (DESKTOP_LIGHT,)),
    State("calling", calling),
    State("writing", writing, (PHONE_LIGHT,)),
    State("failed", failing, (DESKTOP_LIGHT,)),
    State("models", model_menu, (DESKTOP_DARK,)),
    State("conversation-settings", conversation_settings, (DESKTOP_LIGHT,)),
    State("keys", keys),
    State("account", account_menu),
    State("drawer", drawer, (PHONE_LIGHT,), PHONE),
    State("search", search, (DESKTOP_LIGHT, PHONE_DARK)),
    State("options", options_of_a_conversation, looks=DESKTOP),
    State("editing", editing),
    State("projects", at("/projects/"), (DESKTOP_LIGHT,)),
    State("new-project", at("/projects/new/")),
    State("project", in_the_project(""), (DESKTOP_DARK,)),
    State("project-files", in_the_project("files/"), (PHONE_LIGHT,)),
    State("project-settings", in_the_project("settings/")),
    State("archived", at("/archived/")),
    State("settings-profile", at("/settings/")),
    State("settings-display", at("/settings/display/"), (DESKTOP_DARK,)),
    State("settings-answers", at("/settings/answers/"), (PHONE_LIGHT,)),
    State("settings-security", at("/settings/security/"), (DESKTOP_LIGHT,)),
    State("settings-tokens", at("/settings/tokens/")),
    State("new-token", new_token),
    State("sign-in", at("/sign-in/"), (DESKTOP_LIGHT,), visitor=True),
    State("sign-in-refused", refused, visitor=True),
    State("right-to-left", arabic),
    State("not-found", at("/nowhere/")),
    State("chinese-new-chat", at("/"), (DESKTOP_LIGHT,), language="zh-CN"),
    State("chinese-failed", failing, language="zh-CN"),
    State("chinese-settings", at("/settings/display/"), (PHONE_DARK,), language="zh-CN"),
)


def take(page: Page, look: Look, file: Path) -> None:
    page.wait_for_timeout(400)  # what moves has arrived
    clip = {"x": 0, "y": 0, "width": look.width, "height": look.height, "scale": look.sharpness}
    options = {"format": "webp", "quality": QUALITY, "clip": clip}
    picture = page.context.new_cdp_session(page).send("Page.captureScreenshot", options)
    file.write_bytes(base64.b64decode(picture["data"]))
    print(file)  # noqa: T201


def take_all(state: State, looks: tuple[Look, ...], new_context: Callable[..., BrowserContext], folder: Path) -> None:
    for look in looks:
        with new_context(
            viewport={"width": look.width, "height": look.height},
            color_scheme=look.theme,
            locale=state.language,
            timezone_id="Europe/Lisbon",
            is_mobile=look.width < 600,
            has_touch=look.width < 600,
        ) as context:
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            state.reach(page)
            take(page, look, folder / f"{state.name}-{look.name}.webp")


@contextmanager
def site() -> Iterator[str]:
    """The address of a server where the person has used the product for some weeks."""
    with tempfile.TemporaryDirectory() as folder, threaded_model_server(Answers()) as models:
        clone, var = Clone(Path(folder) / "clone"), Path(folder) / "var"
        clone.install()
        settings = {"LLM_BASE_URL": models.base_url, "LLM_MODEL": ",".join(MODELS), "LLM_RETRIES": "0"}
        with clone.started(PORT="0", VAR_DIR=str(var), LIMIT_RUNS_PER_USER="50", **settings) as server:
            yield read_until_ready(server)[1]


def use_for_a_while(browser: Browser, address: str, folder: Path) -> Path:
    """Makes the account and a conversation; a file with the cookies."""
    cookies = folder / "cookies.json"
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        make_first_account(page, address)
        for title in SEED:
            page.goto("/")
            chat = Chat(page)
            chat.ask(title)
            expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
        use_a_project(page)
        page.goto("/")
        chat = Chat(page)
        for number, question in enumerate((QUESTION, LAST_QUESTION), start=1):
            chat.ask(question)
            expect(chat.answers).to_have_count(number)
            expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
        context.storage_state(path=cookies)
    return cookies


def use_a_project(page: Page) -> None:
    page.goto("/projects/new/")
    page.get_by_label("Name").fill(PROJECT_NAME)
    page.get_by_label("Instructions").fill(INSTRUCTIONS)
    page.get_by_role("button", name="Create project").click()
    page.locator(".page-head").get_by_role("link", name="New chat").click()
    chat = Chat(page)
    chat.ask(PROJECT_QUESTION)
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every state in every look, into this folder")
    parser.add_argument("--only", nargs="+", metavar="STATE", help="the states of these names")
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE)
    folder: Path = options.all or CHOSEN
    folder.mkdir(parents=True, exist_ok=True)
    states = [state for state in STATES if not options.only or state.name in options.only]
    with site() as address, sync_playwright() as playwright, tempfile.TemporaryDirectory() as passing:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        if first := first_start(browser, address, folder, is_wanted=not options.only):
            print(first)  # noqa: T201
        cookies = use_for_a_while(browser, address, Path(passing))

        for state in states:

            def new_context(**look: object) -> BrowserContext:
                stored = None if state.visitor else cookies  # noqa: B023
                return browser.new_context(base_url=address, storage_state=stored, **look)  # type: ignore[arg-type]

            take_all(state, state.looks if options.all else state.chosen, new_context, folder)
        browser.close()


def first_start(browser: Browser, address: str, folder: Path, *, is_wanted: bool) -> Path | None:
    """The page that only the first visitor sees."""
    if not is_wanted:
        return None
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light") as context:
        page = context.new_page()
        page.goto(address)
        file = folder / "first-start-desktop-light.webp"
        take(page, DESKTOP_LIGHT, file)
    return file


if __name__ == "__main__":
    main()
