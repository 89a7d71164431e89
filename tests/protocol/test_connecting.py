"""Who may connect, and how the others are told that they may not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import ApiToken
from tests.client import connected
from tests.modelserver import answer
from tests.protocol.talk import Talk, talk
from tests.site import Site

pytestmark = pytest.mark.django_db(transaction=True)

FOREIGN = ["https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example", "evil.example"]


async def session_cookie(site: Site, username: str = "ada") -> str:
    browser = Browser()
    await sync_to_async(browser.force_login)(await site.user(username))
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"


async def hello_to(url: str, token: str | None = None, **options: Any) -> dict[str, Any]:
    async with connected(url, token, **options) as client:
        return await client.until("hello")


async def close_code(url: str, token: str | None = None, **options: Any) -> int:
    async with connected(url, token, **options) as client:
        code = await client.closed()
        assert client.frames == []
        return code


async def test_a_program_says_who_it_is_by_a_token() -> None:
    async with talk(answer("")) as t:
        ada = await t.site.user()
        hello = await hello_to(t.site.ws_url, await t.site.token())
        assert hello["user"] == {"id": str(ada.pk), "username": "ada"}
        assert hello["server"].startswith("chatsite ")
        assert hello["limits"].keys() >= {
            "connections_per_user",
            "runs_per_user",
            "frames_per_second",
            "frame_bytes",
            "message_characters",
            "title_characters",
        }
        assert hello["limits"]["message_characters"] == 200_000
        assert hello["limits"]["title_characters"] == 200


async def test_a_browser_on_another_page_offers_its_token_as_a_subprotocol_that_is_never_echoed() -> None:
    async with talk(answer("")) as t:
        token = await t.site.token()
        offered: Any = ["chatsite.v1", f"bearer.{token}"]
        async with connected(t.site.ws_url, subprotocols=offered, origin="https://elsewhere.example") as client:
            await client.until("hello")
            assert client.connection.subprotocol == "chatsite.v1"
            assert client.connection.response is not None
            assert token not in str(client.connection.response.headers)


async def test_no_subprotocol_is_needed() -> None:
    async with talk(answer("")) as t:
        await t.ada.until("hello")
        assert t.ada.connection.subprotocol is None


async def test_a_page_of_this_site_is_known_by_its_session() -> None:
    async with talk(answer("")) as t:
        cookie = await session_cookie(t.site)
        headers = {"Cookie": f'theme=dark; odd={{"a": [1]}}; bad name=x; {cookie}'}
        hello = await hello_to(t.site.ws_url, additional_headers=headers, origin=f"http://{t.site.host}")
        assert hello["user"]["username"] == "ada"


async def test_a_session_does_not_count_for_a_page_of_another_site() -> None:
    async with talk(answer("")) as t:
        cookie = {"Cookie": await session_cookie(t.site)}
        for headers in (cookie, *(cookie | {"Origin": origin} for origin in FOREIGN)):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await hello_to(t.site.ws_url, additional_headers=headers)
            assert refused.value.response.status_code == 403, headers


async def test_nobody_is_told_so() -> None:
    async with talk(answer("")) as t:
        ended = {"Cookie": f"{settings.SESSION_COOKIE_NAME}=abcdefghijklmnopqrstuvwxyz012345"}
        offered: Any = ["chatsite.v1", "bearer.wrong"]
        assert await close_code(t.site.ws_url) == 4401
        assert await close_code(t.site.ws_url, "wrong") == 4401
        assert await close_code(t.site.ws_url, subprotocols=offered) == 4401
        assert await close_code(t.site.ws_url, additional_headers=ended, origin=f"http://{t.site.host}") == 4401


async def test_a_token_that_is_revoked_or_whose_owner_is_gone_is_nobodys() -> None:
    async with talk(answer("")) as t:
        bob, token = await t.site.user("bob"), await t.site.token("bob")
        bob.is_active = False
        await bob.asave()
        assert await close_code(t.site.ws_url, token) == 4401
        revoked = await t.site.token("carol")
        await ApiToken.objects.filter(user__username="carol").aupdate(revoked_at=timezone.now())
        assert await close_code(t.site.ws_url, revoked) == 4401


async def test_a_person_has_so_many_connections_and_no_more() -> None:
    async with talk(answer(""), LIMIT_CONNECTIONS_PER_USER=2) as t:
        token = await t.site.token()
        async with connected(t.site.ws_url, token) as second:
            await second.until("hello")
            assert await close_code(t.site.ws_url, token) == 4429
            assert (await hello_to(t.site.ws_url, await t.site.token("bob")))["user"]["username"] == "bob"
        await only_connection_left(t)
        assert (await hello_to(t.site.ws_url, token))["user"]["username"] == "ada"


async def only_connection_left(t: Talk) -> None:
    """The server learns a moment later than the client that a connection was closed."""
    ada = await t.site.user()
    async with asyncio.timeout(30):
        while t.site.runner.subscribers.connections(ada.pk) > 1:
            await asyncio.sleep(0)


async def test_the_use_of_a_token_is_noted() -> None:
    async with talk(answer("")) as t:
        began = timezone.now()
        async with t.site.client("bob") as bob:
            await bob.until("hello")
            noted = ApiToken.objects.filter(user__username="bob", last_used_at__gte=began)
            async with asyncio.timeout(30):
                while not await noted.aexists():
                    await asyncio.sleep(0.01)
