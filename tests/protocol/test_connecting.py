"""Authentication of connections, the limit of connections, and how others are rejected."""

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

FOREIGN_ORIGINS = ["https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example", "evil.example"]


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


async def test_a_program_authenticates_with_a_token() -> None:
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


async def test_a_token_in_a_subprotocol_authenticates_and_is_not_echoed() -> None:
    async with talk(answer("")) as t:
        token = await t.site.token()
        offered: Any = ["chatsite.v1", f"bearer.{token}"]
        async with connected(t.site.ws_url, subprotocols=offered, origin="https://elsewhere.example") as client:
            await client.until("hello")
            assert client.connection.subprotocol == "chatsite.v1"
            assert client.connection.response is not None
            assert token not in str(client.connection.response.headers)


async def test_a_subprotocol_is_optional() -> None:
    async with talk(answer("")) as t:
        await t.ada.until("hello")
        assert t.ada.connection.subprotocol is None


async def test_a_page_on_this_site_authenticates_with_its_session() -> None:
    async with talk(answer("")) as t:
        cookie = await session_cookie(t.site)
        headers = {"Cookie": f'theme=dark; odd={{"a": [1]}}; bad name=x; {cookie}'}
        hello = await hello_to(t.site.ws_url, additional_headers=headers, origin=f"http://{t.site.host}")
        assert hello["user"]["username"] == "ada"


async def test_a_session_is_rejected_on_a_page_of_another_site() -> None:
    async with talk(answer("")) as t:
        cookie = {"Cookie": await session_cookie(t.site)}
        for headers in (cookie, *(cookie | {"Origin": origin} for origin in FOREIGN_ORIGINS)):
            with pytest.raises(websockets.InvalidStatus) as rejected:
                await hello_to(t.site.ws_url, additional_headers=headers)
            assert rejected.value.response.status_code == 403, headers


async def test_unauthenticated_connections_are_closed_with_4401() -> None:
    async with talk(answer("")) as t:
        expired = {"Cookie": f"{settings.SESSION_COOKIE_NAME}=abcdefghijklmnopqrstuvwxyz012345"}
        offered: Any = ["chatsite.v1", "bearer.wrong"]
        assert await close_code(t.site.ws_url) == 4401
        assert await close_code(t.site.ws_url, "wrong") == 4401
        assert await close_code(t.site.ws_url, subprotocols=offered) == 4401
        assert await close_code(t.site.ws_url, additional_headers=expired, origin=f"http://{t.site.host}") == 4401


async def test_revoked_tokens_and_tokens_of_inactive_users_are_rejected() -> None:
    async with talk(answer("")) as t:
        bob, token = await t.site.user("bob"), await t.site.token("bob")
        bob.is_active = False
        await bob.asave()
        assert await close_code(t.site.ws_url, token) == 4401
        revoked = await t.site.token("carol")
        await ApiToken.objects.filter(user__username="carol").aupdate(revoked_at=timezone.now())
        assert await close_code(t.site.ws_url, revoked) == 4401


async def test_a_user_cannot_exceed_the_connection_limit() -> None:
    async with talk(answer(""), LIMIT_CONNECTIONS_PER_USER=2) as t:
        token = await t.site.token()
        async with connected(t.site.ws_url, token) as second:
            await second.until("hello")
            assert await close_code(t.site.ws_url, token) == 4429
            assert (await hello_to(t.site.ws_url, await t.site.token("bob")))["user"]["username"] == "bob"
        await wait_for_other_connections_to_close(t)
        assert (await hello_to(t.site.ws_url, token))["user"]["username"] == "ada"


async def wait_for_other_connections_to_close(t: Talk) -> None:
    """Waits until the server has noticed that all connections of ada but one are closed."""
    ada = await t.site.user()
    async with asyncio.timeout(30):
        while t.site.runner.subscribers.connection_count(ada.pk) > 1:
            await asyncio.sleep(0)


async def test_connecting_records_when_a_token_was_last_used() -> None:
    async with talk(answer("")) as t:
        start = timezone.now()
        async with t.site.client("bob") as bob:
            await bob.until("hello")
            recorded = ApiToken.objects.filter(user__username="bob", last_used_at__gte=start)
            async with asyncio.timeout(30):
                while not await recorded.aexists():
                    await asyncio.sleep(0.01)
