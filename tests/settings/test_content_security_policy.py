from __future__ import annotations

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

HEADER = "Content-Security-Policy"


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


def broken_page(request: HttpRequest) -> HttpResponse:
    raise ValueError("a mistake")


def page_with_its_own_policy(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page", headers={HEADER: "default-src 'none'"})


def plain_error(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("no such page", status=404 if isinstance(exception, Http404) else 400)


def plain_failure(request: HttpRequest) -> HttpResponse:
    return HttpResponse("something broke", status=500)


handler400 = handler404 = plain_error
handler500 = plain_failure
urlpatterns = [path("page", page), path("own", page_with_its_own_policy), path("broken", broken_page)]
pytestmark = pytest.mark.urls(__name__)


def test_a_page_may_load_only_from_its_own_host(client: Client) -> None:
    assert client.get("/page").headers[HEADER] == (
        "default-src 'self'; connect-src 'self' ws://testserver wss://testserver; img-src 'self' data:; "
        "style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


@override_settings(IMAGE_HOSTS=["a.example", ".b.example"])
def test_images_may_come_from_trusted_hosts(client: Client) -> None:
    images = "img-src 'self' data: https://a.example https://b.example https://*.b.example;"
    assert images in client.get("/page").headers[HEADER]


@override_settings(IMAGE_HOSTS=["*"])
def test_images_may_come_from_any_host(client: Client) -> None:
    assert "img-src 'self' data: https:;" in client.get("/page").headers[HEADER]


async def test_the_policy_is_the_same_in_async_views(async_client: AsyncClient) -> None:
    response = await async_client.get("/page")
    assert "connect-src 'self' ws://testserver wss://testserver;" in response.headers[HEADER]


def test_a_404_page_has_the_policy(client: Client) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert HEADER in response.headers


def test_an_error_page_has_the_policy(client: Client) -> None:
    client.raise_request_exception = False
    response = client.get("/broken")
    assert response.status_code == 500
    assert HEADER in response.headers


def test_a_static_file_has_the_policy(client: Client) -> None:
    response = client.get("/static/admin/css/base.css")
    assert response.headers["Content-Type"].startswith("text/css")
    assert HEADER in response.headers
    response.close()


def test_an_unknown_host_header_does_not_enter_the_policy(client: Client) -> None:
    response = client.get("/page", headers={"host": "evil.example; script-src *"})
    assert response.status_code == 400
    assert "connect-src 'self';" in response.headers[HEADER]


def test_a_page_may_set_its_own_policy(client: Client) -> None:
    assert client.get("/own").headers[HEADER] == "default-src 'none'"


def test_djangos_debug_page_keeps_its_style(client: Client) -> None:
    client.raise_request_exception = False
    with override_settings(DEBUG=True):
        response = client.get("/broken")
        assert response.status_code == 500
        assert HEADER not in response.headers
        assert HEADER in client.get("/page").headers


def test_pages_forbid_framing_and_send_no_referrer_to_other_sites(client: Client) -> None:
    headers = client.get("/page").headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
