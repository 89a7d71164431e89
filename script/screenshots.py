"""Takes pictures of every page and state, as a user sees them who has used the product for some weeks."""

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
    EARLIER_QUESTIONS,
    INSTRUCTIONS,
    LAST_QUESTION,
    MODELS,
    PROJECT_QUESTION,
    QUESTION,
    Answers,
)
from script.sample import PROJECT as PROJECT_NAME
from tests.clone import PROJECT, Clone, read_until_ready
from tests.conftest import CHROMIUM_FLAGS
from tests.modelserver import threaded_model_server
from tests.pages.browsing import USERNAME, Chat, create_first_account
from tests.programs import chromium

SCREENSHOTS = PROJECT / "docs" / "screenshots"
WEBP_QUALITY = 82
"""Small files in which text is still sharp."""
TIMEOUT_MS = 120_000
"""Long, because the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Look:
    """A size and color scheme in which a picture is taken. `scale` is pixels of the picture per pixel of the page."""

    width: int
    height: int
    theme: Literal["light", "dark"]
    scale: int = 2

    @property
    def name(self) -> str:
        return f"{'phone' if self.width < 600 else 'desktop'}-{self.theme}"


DESKTOP_LIGHT, DESKTOP_DARK = Look(1280, 800, "light"), Look(1280, 800, "dark")
PHONE_LIGHT, PHONE_DARK = Look(375, 812, "light"), Look(375, 812, "dark")
DESKTOP, PHONE = (DESKTOP_LIGHT, DESKTOP_DARK), (PHONE_LIGHT, PHONE_DARK)
ALL_LOOKS = (*DESKTOP, *PHONE)


@dataclass(frozen=True, slots=True)
class State:
    """A state of a page, the function that opens it, the looks that exist, and the looks kept in docs/screenshots."""

    name: str
    open: Callable[[Page], None]
    kept_looks: tuple[Look, ...] = ()
    looks: tuple[Look, ...] = ALL_LOOKS
    signed_out: bool = False
    language: str = "en-GB"


def page_at(path: str) -> Callable[[Page], None]:
    def open_page(page: Page) -> None:
        page.goto(path)

    return open_page


def conversation(page: Page) -> None:
    page.goto("/")
    page.goto(page.locator("#conversations a", has_text=QUESTION[:20]).first.get_attribute("href") or "")
    expect(page.locator(".answer").last).to_contain_text("def share")


def start_of_conversation(page: Page) -> None:
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
    """Works in every language, unlike `ask`."""
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


def keyboard_shortcuts(page: Page) -> None:
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
    """Opens the list of conversations if it is hidden."""
    opener = page.get_by_role("button", name="Show the list of conversations")
    if opener.is_visible():
        opener.click()


def search(page: Page) -> None:
    conversation(page)
    page.keyboard.press("Control+k")
    page.get_by_role("dialog", name="Search").get_by_role("combobox").fill("f")
    expect(page.locator("#search mark").first).to_be_visible()


def conversation_options(page: Page) -> None:
    conversation(page)
    page.get_by_role("button", name="Options").first.click(force=True)


def editing(page: Page) -> None:
    conversation(page)
    page.get_by_role("button", name="Edit your message").last.click()


def project_page(path: str) -> Callable[[Page], None]:
    def open_page(page: Page) -> None:
        page.goto("/projects/")
        page.goto(f"{page.get_by_role('link', name=PROJECT_NAME).last.get_attribute('href')}{path}")

    return open_page


def new_token(page: Page) -> None:
    page.goto("/settings/tokens/")
    page.get_by_label("Name").fill("backup script")
    page.get_by_role("button", name="Create token").click()


def refused_sign_in(page: Page) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()


STATES = (
    State("conversation", conversation, (DESKTOP_LIGHT, DESKTOP_DARK, PHONE_LIGHT, PHONE_DARK)),
    State("steps", start_of_conversation, (DESKTOP_DARK,)),
    State("new-chat", page_at("/"), (DESKTOP_LIGHT, PHONE_DARK)),
    State("thinking", thinking, (DESKTOP_LIGHT,)),
    State("calling", calling),
    State("writing", writing, (PHONE_LIGHT,)),
    State("failed", failing, (DESKTOP_LIGHT,)),
    State("models", model_menu, (DESKTOP_DARK,)),
    State("conversation-settings", conversation_settings, (DESKTOP_LIGHT,)),
    State("keys", keyboard_shortcuts),
    State("account", account_menu),
    State("drawer", drawer, (PHONE_LIGHT,), PHONE),
    State("search", search, (DESKTOP_LIGHT, PHONE_DARK)),
    State("options", conversation_options, looks=DESKTOP),
    State("editing", editing),
    State("projects", page_at("/projects/"), (DESKTOP_LIGHT,)),
    State("new-project", page_at("/projects/new/")),
    State("project", project_page(""), (DESKTOP_DARK,)),
    State("project-files", project_page("files/"), (PHONE_LIGHT,)),
    State("project-settings", project_page("settings/")),
    State("archived", page_at("/archived/")),
    State("settings-profile", page_at("/settings/")),
    State("settings-display", page_at("/settings/display/"), (DESKTOP_DARK,)),
    State("settings-answers", page_at("/settings/answers/"), (PHONE_LIGHT,)),
    State("settings-security", page_at("/settings/security/"), (DESKTOP_LIGHT,)),
    State("settings-tokens", page_at("/settings/tokens/")),
    State("new-token", new_token),
    State("sign-in", page_at("/sign-in/"), (DESKTOP_LIGHT,), signed_out=True),
    State("sign-in-refused", refused_sign_in, signed_out=True),
    State("right-to-left", arabic),
    State("not-found", page_at("/nowhere/")),
    State("chinese-new-chat", page_at("/"), (DESKTOP_LIGHT,), language="zh-CN"),
    State("chinese-failed", failing, language="zh-CN"),
    State("chinese-settings", page_at("/settings/display/"), (PHONE_DARK,), language="zh-CN"),
)


def save_screenshot(page: Page, look: Look, file: Path) -> None:
    page.wait_for_timeout(400)  # until animations end
    clip = {"x": 0, "y": 0, "width": look.width, "height": look.height, "scale": look.scale}
    options = {"format": "webp", "quality": WEBP_QUALITY, "clip": clip}
    picture = page.context.new_cdp_session(page).send("Page.captureScreenshot", options)
    file.write_bytes(base64.b64decode(picture["data"]))
    print(file)  # noqa: T201


def save_screenshots(
    state: State, looks: tuple[Look, ...], new_context: Callable[..., BrowserContext], folder: Path
) -> None:
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
            page.set_default_timeout(TIMEOUT_MS)
            state.open(page)
            save_screenshot(page, look, folder / f"{state.name}-{look.name}.webp")


@contextmanager
def running_server() -> Iterator[str]:
    """Yields the address of a new server with a scripted model."""
    with tempfile.TemporaryDirectory() as folder, threaded_model_server(Answers()) as models:
        clone, var = Clone(Path(folder) / "clone"), Path(folder) / "var"
        clone.install()
        settings = {"LLM_BASE_URL": models.base_url, "LLM_MODEL": ",".join(MODELS), "LLM_RETRIES": "0"}
        with clone.started(PORT="0", VAR_DIR=str(var), LIMIT_RUNS_PER_USER="50", **settings) as server:
            yield read_until_ready(server)[1]


def create_content(browser: Browser, address: str, folder: Path) -> Path:
    """Creates the account, conversations and a project. Returns a file with the account's cookies."""
    cookies = folder / "cookies.json"
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        create_first_account(page, address)
        for question in EARLIER_QUESTIONS:
            page.goto("/")
            chat = Chat(page)
            chat.ask(question)
            expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
        create_project(page)
        page.goto("/")
        chat = Chat(page)
        for number, question in enumerate((QUESTION, LAST_QUESTION), start=1):
            chat.ask(question)
            expect(chat.answers).to_have_count(number)
            expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
        context.storage_state(path=cookies)
    return cookies


def create_project(page: Page) -> None:
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
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="save every state in every look to this folder")
    parser.add_argument("--only", nargs="+", metavar="STATE", help="save only these states")
    options = parser.parse_args()
    expect.set_options(timeout=TIMEOUT_MS)
    folder: Path = options.all or SCREENSHOTS
    folder.mkdir(parents=True, exist_ok=True)
    states = [state for state in STATES if not options.only or state.name in options.only]
    with running_server() as address, sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        if not options.only:
            save_first_start(browser, address, folder)
        cookies = create_content(browser, address, Path(temporary))

        for state in states:

            def new_context(**look: object) -> BrowserContext:
                stored = None if state.signed_out else cookies  # noqa: B023
                return browser.new_context(base_url=address, storage_state=stored, **look)  # type: ignore[arg-type]

            save_screenshots(state, state.looks if options.all else state.kept_looks, new_context, folder)
        browser.close()


def save_first_start(browser: Browser, address: str, folder: Path) -> None:
    """Saves the page that only the first visitor of a new server sees."""
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light") as context:
        page = context.new_page()
        page.goto(address)
        save_screenshot(page, DESKTOP_LIGHT, folder / "first-start-desktop-light.webp")


if __name__ == "__main__":
    main()
