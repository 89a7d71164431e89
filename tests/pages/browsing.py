"""The real server, the real page, and what stands between them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, WebSocketRoute, expect

from tests.clone import Clone, read_until_ready
from tests.modelserver import MODEL, ModelRequest, Reply, answer

TRUSTED_IMAGES = "pictures.example"
"""The host that images of answers are loaded from."""
USERNAME, PASSWORD = "ada", "correct horse battery"
OWN_ADDRESS = re.compile(r"(http|ws)://(127\.0\.0\.1|localhost)[:/]|(data|blob):")


class ScriptedModel:
    """What the model says to each request from now on; a test sets `reply`."""

    def __init__(self) -> None:
        self.reply: Reply | Callable[[ModelRequest], Reply] = []
        self.forget()

    def forget(self) -> None:
        self.reply = answer("Whales sing.")

    def __call__(self, request: ModelRequest) -> Reply:
        return self.reply(request) if callable(self.reply) else self.reply


@contextmanager
def serving(clone: Clone, var: Path, model_url: str) -> Iterator[str]:
    """script/server with nobody in its database yet; its address, with the slash."""
    settings = {
        "LLM_BASE_URL": model_url,
        "LLM_MODEL": f"{MODEL},other-model",
        "LLM_RETRIES": "0",
        "LLM_THINKING_STYLE": "enable_thinking",
        "LIMIT_RUNS_PER_USER": "50",
        "IMAGE_HOSTS": TRUSTED_IMAGES,
    }
    with clone.started(PORT="0", VAR_DIR=str(var), **settings) as server:
        yield read_until_ready(server)[1]


def make_first_account(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Message", exact=True).wait_for()


def sign_in(page: Page, username: str = USERNAME) -> None:
    """Ends with the scripts of a new chat at work."""
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Message", exact=True).wait_for()
    page.wait_for_load_state()


def listen_for_complaints(page: Page) -> list[str]:
    """What the browser refused to load or run, or could not, and what it wanted of another host; a list that grows."""
    found: list[str] = []

    def note_message(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(f"{message.text} ({message.location['url']})")

    def note_address(address: str) -> None:
        if not OWN_ADDRESS.match(address):
            found.append(f"a request of {address}")

    page.on("console", note_message)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda request: note_address(request.url))
    page.on("websocket", lambda socket: note_address(socket.url))
    return found


def wait_until(page: Page, holds: str | Callable[[], object], within: float = 30) -> None:
    """Returns when the JavaScript or the function is true.

    Playwright's own way evaluates JavaScript in the page, which the policy forbids.
    """
    end = time.monotonic() + within
    while not (page.evaluate(holds) if isinstance(holds, str) else holds()):
        assert time.monotonic() < end, holds
        page.wait_for_timeout(20)


class Chat:
    """The chat page as a person sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.field = page.get_by_label("Message", exact=True)
        self.send = page.locator("#composer").get_by_role("button", name="Send")
        self.stop = page.locator("#composer").get_by_role("button", name="Stop")
        self.questions = page.locator(".question .bubble")
        self.answers = page.locator(".answer")
        self.bar = page.locator("#connection-bar")

    def ask(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    @property
    def answer(self) -> Locator:
        return self.answers.last

    def action(self, name: str, message: Locator | None = None) -> Locator:
        """A button below the last answer, or below another message."""
        return (message or self.answer).get_by_role("button", name=name, exact=True)

    @property
    def version(self) -> Locator:
        """Which version of the last answer it is, of how many."""
        return self.answer.locator('[data-part="version"]')

    def finish(self, text: str) -> None:
        """Waits for an answer that ends, and for the server's rendering of it."""
        expect(self.answer).to_contain_text(text)
        expect(self.answer.locator(".figures")).to_contain_text("tokens")

    def steps(self, kind: str) -> Locator:
        return self.answer.locator(f'[data-type="{kind}"]')


class Wire:
    """The page's connections to the server, which a test can cut."""

    def __init__(self, page: Page) -> None:
        self.sent: list[dict[str, object]] = []
        """The requests that the page has made, over all its connections."""
        self.is_cut = False
        self._loses_answer_to = ""
        self._then_stays_cut = False
        self._holds_answers_to = ""
        self._held: list[Callable[[], None]] = []
        self._open: list[tuple[WebSocketRoute, WebSocketRoute]] = []
        page.route_web_socket("**/ws/", self._connected)

    def cut(self) -> None:
        """Every connection goes, and none can be made."""
        self.is_cut = True
        self.drop()

    def drop(self) -> None:
        """Every connection goes."""
        while self._open:
            for side in self._open.pop():
                side.close(code=4012)

    def tell(self, method: str, **params: object) -> None:
        """As if the server had notified the page."""
        for page_side, _ in self._open:
            page_side.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def mend(self) -> None:
        self.is_cut = False

    def lose_answer_to(self, method: str, *, then_stay_cut: bool = False) -> None:
        """The connection goes in the moment in which the server answers the next such request."""
        self._loses_answer_to, self._then_stays_cut = method, then_stay_cut

    def hold_answers_to(self, method: str) -> None:
        self._holds_answers_to = method

    def release(self) -> None:
        """Gives the page the answers that were held; later ones come at once."""
        self._holds_answers_to = ""
        while self._held:
            self._held.pop(0)()

    def _connected(self, page_side: WebSocketRoute) -> None:
        if self.is_cut:
            page_side.close(code=4012)
            return
        server_side = page_side.connect_to_server()
        self._open.append((page_side, server_side))
        awaited: set[object] = set()
        held: set[object] = set()

        def to_server(frame: str | bytes) -> None:
            request = json.loads(frame)
            self.sent.append(request)
            if request["method"] == self._loses_answer_to:
                awaited.add(request["id"])
            if request["method"] == self._holds_answers_to:
                held.add(request["id"])
            server_side.send(frame)

        def to_page(frame: str | bytes) -> None:
            if json.loads(frame).get("id") in awaited:
                self._loses_answer_to = ""
                self.is_cut = self._then_stays_cut
                self.drop()
            elif self._holds_answers_to and json.loads(frame).get("id") in held:
                self._held.append(lambda: page_side.send(frame))
            else:
                page_side.send(frame)

        page_side.on_message(to_server)
        server_side.on_message(to_page)
