"""A real server, the chat page in a browser, and a proxy for the WebSocket between them."""

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
"""The only host from which images in answers are loaded."""
USERNAME, PASSWORD = "ada", "correct horse battery"
LOCAL_URL = re.compile(r"(http|ws)://(127\.0\.0\.1|localhost)[:/]|(data|blob):")


class ScriptedModel:
    """Answers each request with `reply`, which a test sets."""

    def __init__(self) -> None:
        self.reply: Reply | Callable[[ModelRequest], Reply] = []
        self.reset()

    def reset(self) -> None:
        self.reply = answer("Whales sing.")

    def __call__(self, request: ModelRequest) -> Reply:
        return self.reply(request) if callable(self.reply) else self.reply


@contextmanager
def running_server(clone: Clone, var: Path, model_url: str) -> Iterator[str]:
    """Runs script/server with an empty database and yields its URL, which ends with a slash."""
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


def create_first_account(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Message", exact=True).wait_for()


def sign_in(page: Page, username: str = USERNAME) -> None:
    """Signs in and waits until the scripts of a new chat have loaded."""
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Message", exact=True).wait_for()
    page.wait_for_load_state()


def record_browser_errors(page: Page) -> list[str]:
    """Returns a list that collects console errors and warnings, uncaught exceptions and requests to other hosts."""
    found: list[str] = []

    def add_message(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(f"{message.text} ({message.location['url']})")

    def add_foreign_url(url: str) -> None:
        if not LOCAL_URL.match(url):
            found.append(f"a request to {url}")

    page.on("console", add_message)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda request: add_foreign_url(request.url))
    page.on("websocket", lambda socket: add_foreign_url(socket.url))
    return found


def wait_until(page: Page, holds: str | Callable[[], object], within: float = 30) -> None:
    """Waits until the JavaScript expression or the function returns true.

    Playwright's `wait_for_function` evaluates code in the page, which the content security policy forbids.
    """
    end = time.monotonic() + within
    while not (page.evaluate(holds) if isinstance(holds, str) else holds()):
        assert time.monotonic() < end, holds
        page.wait_for_timeout(20)


class Chat:
    """The chat page as a user sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.field = page.get_by_label("Message", exact=True)
        self.send = page.locator("#composer").get_by_role("button", name="Send")
        self.stop = page.locator("#composer").get_by_role("button", name="Stop")
        self.questions = page.locator(".question .bubble")
        self.answers = page.locator(".answer")
        self.connection_bar = page.locator("#connection-bar")

    def ask(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    @property
    def answer(self) -> Locator:
        return self.answers.last

    def action(self, name: str, message: Locator | None = None) -> Locator:
        """Returns a button below the last answer, or below `message`."""
        return (message or self.answer).get_by_role("button", name=name, exact=True)

    @property
    def version(self) -> Locator:
        """The version label of the last answer, such as "2/2"."""
        return self.answer.locator('[data-part="version"]')

    def wait_for_answer(self, text: str) -> None:
        """Waits until the last answer contains `text`, has ended and has the server's rendering."""
        expect(self.answer).to_contain_text(text)
        expect(self.answer.locator(".figures")).to_contain_text("tokens")

    def steps(self, kind: str) -> Locator:
        return self.answer.locator(f'[data-type="{kind}"]')


class WebSocketProxy:
    """Proxies the page's WebSocket connections, so that a test can close them or hold back responses."""

    def __init__(self, page: Page) -> None:
        self.requests: list[dict[str, object]] = []
        """The JSON-RPC requests of the page over all its connections."""
        self.is_offline = False
        self._method_to_lose = ""
        self._offline_after_loss = False
        self._method_to_hold = ""
        self._held_responses: list[Callable[[], None]] = []
        self._connections: list[tuple[WebSocketRoute, WebSocketRoute]] = []
        page.route_web_socket("**/ws/", self._connected)

    def go_offline(self) -> None:
        """Closes every connection and refuses new ones."""
        self.is_offline = True
        self.drop_connections()

    def drop_connections(self) -> None:
        """Closes every connection; the page may reconnect."""
        while self._connections:
            for side in self._connections.pop():
                side.close(code=4012)

    def notify(self, method: str, **params: object) -> None:
        """Sends a notification to the page, as the server would."""
        for page_side, _ in self._connections:
            page_side.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def go_online(self) -> None:
        self.is_offline = False

    def lose_response_to(self, method: str, *, then_go_offline: bool = False) -> None:
        """Closes the connections when the server answers the next request of this method."""
        self._method_to_lose, self._offline_after_loss = method, then_go_offline

    def hold_responses_to(self, method: str) -> None:
        self._method_to_hold = method

    def release_responses(self) -> None:
        """Sends the held responses to the page; later ones are not held."""
        self._method_to_hold = ""
        while self._held_responses:
            self._held_responses.pop(0)()

    def _connected(self, page_side: WebSocketRoute) -> None:
        if self.is_offline:
            page_side.close(code=4012)
            return
        server_side = page_side.connect_to_server()
        self._connections.append((page_side, server_side))
        to_lose: set[object] = set()
        to_hold: set[object] = set()

        def to_server(frame: str | bytes) -> None:
            request = json.loads(frame)
            self.requests.append(request)
            if request["method"] == self._method_to_lose:
                to_lose.add(request["id"])
            if request["method"] == self._method_to_hold:
                to_hold.add(request["id"])
            server_side.send(frame)

        def to_page(frame: str | bytes) -> None:
            if json.loads(frame).get("id") in to_lose:
                self._method_to_lose = ""
                self.is_offline = self._offline_after_loss
                self.drop_connections()
            elif self._method_to_hold and json.loads(frame).get("id") in to_hold:
                self._held_responses.append(lambda: page_side.send(frame))
            else:
                page_side.send(frame)

        page_side.on_message(to_server)
        server_side.on_message(to_page)
