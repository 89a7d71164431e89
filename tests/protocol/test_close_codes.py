"""The server closes connections with codes for revoked access, too much unread data, and a restart."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
import websockets
from django.conf import settings
from django.utils import timezone

from accounts.models import ApiToken, User
from conversations.websocket.connection import subscriber
from tests.client import Client, connected
from tests.modelserver import Gate, answer, hang, text
from tests.protocol.talk import expect_error, gated_answer, talk
from tests.site import Site

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"


async def assert_revoked(*clients: Client) -> None:
    """Waits until the connections are closed, with the code for revoked access."""
    assert [await client.closed() for client in clients] == [4401] * len(clients)


class Page:
    """The HTTP requests of a signed-in browser."""

    def __init__(self, site: Site, browser: aiohttp.ClientSession) -> None:
        self._site, self._browser = site, browser

    async def sign_in(self, username: str) -> None:
        await self._post("/sign-in/", "/sign-in/", username=username, password=PASSWORD)

    async def sign_out(self) -> None:
        await self._post("/", "/sign-out/")

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Client]:
        name = settings.SESSION_COOKIE_NAME
        cookie = next(f"{name}={cookie.value}" for cookie in self._browser.cookie_jar if cookie.key == name)
        async with connected(self._site.ws_url, additional_headers={"Cookie": cookie}, origin=self._site.url) as client:
            await client.until("hello")
            yield client

    async def _post(self, form: str, target: str, **fields: str) -> None:
        async with self._browser.get(self._site.url + form) as page:
            found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', await page.text())
            assert found is not None
        sent = fields | {"csrfmiddlewaretoken": found[1]}
        async with self._browser.post(self._site.url + target, data=sent, allow_redirects=False) as response:
            assert response.status == 302


@asynccontextmanager
async def page_of(site: Site, username: str) -> AsyncIterator[Page]:
    """Signs in over HTTP. Creates the user and sets the password if needed."""
    user = await site.user(username)
    if not user.password:
        await change_password(user, PASSWORD)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        page = Page(site, browser)
        await page.sign_in(username)
        yield page


async def change_password(user: User, password: str) -> None:
    user.set_password(password)
    await user.asave()


async def revoke_newest_token() -> None:
    newest = await ApiToken.objects.alatest("pk")
    newest.revoked_at = timezone.now()
    await newest.asave()


async def test_revoking_a_token_closes_only_its_connections() -> None:
    async with talk(answer("")) as t:
        token = await t.site.token()
        async with connected(t.site.ws_url, token) as one, connected(t.site.ws_url, token) as other:
            for client in (one, other):
                await client.until("hello")
            await revoke_newest_token()
            await assert_revoked(one, other)
        await t.ada.call("models.list")


async def test_deactivating_or_deleting_a_user_closes_their_connections() -> None:
    async with talk(answer("")) as t, t.site.client("bob") as bob, t.site.client("carol") as carol:
        for client in (bob, carol):
            await client.until("hello")
        await User.objects.filter(username="bob").aupdate(is_active=False)
        await (await t.site.user("carol")).adelete()
        await assert_revoked(bob, carol)
        await t.ada.call("models.list")


async def test_signing_out_closes_only_the_connections_of_that_session() -> None:
    async with (
        talk(answer("")) as t,
        page_of(t.site, "ada") as page,
        page_of(t.site, "ada") as elsewhere,
        page.connection() as tab,
        page.connection() as second_tab,
        elsewhere.connection() as other,
    ):
        await page.sign_out()
        await assert_revoked(tab, second_tab)
        for client in (other, t.ada):
            await client.call("models.list")


async def test_a_new_password_closes_the_connections_of_sessions_but_not_of_tokens() -> None:
    async with (
        talk(answer("")) as t,
        page_of(t.site, "ada") as page,
        page_of(t.site, "ada") as elsewhere,
        page.connection() as tab,
        elsewhere.connection() as other,
    ):
        await change_password(await t.site.user(), "another one entirely")
        await assert_revoked(tab, other)
        await t.ada.call("models.list")


async def test_a_run_continues_when_the_server_closes_its_connection() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t:
        token = await t.site.token()
        async with connected(t.site.ws_url, token) as client:
            sent = await client.call("message.send", text="Hi")
            await revoke_newest_token()
            assert await client.closed() == 4401
        gate.open()
        await t.ada.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"


async def test_a_client_that_acknowledges_nothing_is_closed_when_too_much_is_queued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriber, "MAX_UNREAD", 500_000)
    async with talk(answer("Yes"), LIMIT_FRAMES_PER_SECOND=1000) as t, t.site.client() as tab:
        sent = await t.ask("x" * 100_000)
        await tab.call("flow.start", window=16_384)
        for _ in range(10):
            await tab.send("conversation.get", conversation_id=sent["conversation_id"])
        assert await tab.closed() == 4408
        assert len([f for f in tab.frames if "result" in f]) == 2
        await t.ada.call("models.list")


def socket_with_small_buffer(site: Site) -> socket.socket:
    """Returns a connected socket with a small receive buffer; by default the system may buffer tens of megabytes."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    host, port = site.host.split(":")
    small.connect((host, int(port)))
    small.setblocking(False)
    return small


async def test_a_client_that_reads_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "MAX_UNREAD", 500_000)
    async with talk(answer("Yes"), LIMIT_FRAMES_PER_SECOND=1000) as t:
        sent = await t.ask("x" * 190_000)
        request = '{"jsonrpc":"2.0","id":1,"method":"conversation.get","params":{"conversation_id":"%s"}}'
        headers = {"Authorization": f"Bearer {await t.site.token()}"}
        ada = await t.site.user()
        options: dict[str, Any] = {"additional_headers": headers, "compression": None, "max_size": None, "proxy": None}
        async with websockets.connect(t.site.ws_url, sock=socket_with_small_buffer(t.site), **options) as idle:
            async with asyncio.timeout(60):
                for _ in range(200):
                    await idle.send(request % sent["conversation_id"])
                while t.site.runner.subscribers.connection_count(ada.pk) > 1:
                    await asyncio.sleep(0.01)
            with suppress(websockets.ConnectionClosed):
                while True:
                    await idle.recv()
            assert idle.close_code in (4408, 1006)
        await t.ada.call("models.list")


async def test_stopping_the_server_closes_connections_with_4012() -> None:
    async with talk([text("Once "), hang()]) as t, t.site.client() as tab:
        sent = await t.ada.call("message.send", text="Tell me")
        await t.ada.until("process_step")
        await tab.until("hello")
        await t.site.runner.stop()
        assert (await t.ada.closed(), await tab.closed()) == (4012, 4012)
        assert t.ada.received("done", run_id=sent["run_id"]) == t.ada.received("error") == []


async def test_a_question_is_refused_as_unavailable_while_the_server_stops() -> None:
    gate = Gate()
    async with talk(gated_answer(gate), SHUTDOWN_GRACE=30) as t:
        await t.ada.call("message.send", text="Tell me")
        stopping = asyncio.create_task(t.site.runner.stop())
        await asyncio.sleep(0)
        error = await expect_error(t.ada, "message.send", text="And?")
        assert (error.code, error.data) == (-32000, {"code": "unavailable"})
        gate.open()
        await stopping
        assert await t.ada.closed() == 4012
