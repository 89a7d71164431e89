"""The Content-Security-Policy of every page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase

HEADER = "Content-Security-Policy"
POLICY = (
    "default-src 'self'; connect-src 'self'{sockets}; img-src 'self' data:{images}; style-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Allows a page nothing but what its own host serves, and images of hosts that are trusted with that: no inline
    script or style, no frame around it."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return protect(request, response)
        return self._protect_later(request, response)

    async def _protect_later(self, request: HttpRequest, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        return protect(request, await response)


def protect(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    debug_page = settings.DEBUG and response.status_code in (404, 500)  # Django's, with its style inline
    if not debug_page:
        response.headers.setdefault(HEADER, POLICY.format(sockets=socket_sources(request), images=image_sources()))
    return response


def image_sources() -> str:
    """Over https only. A leading dot stands for a host and all below it."""
    hosts = [host for each in settings.IMAGE_HOSTS for host in ([each[1:], f"*{each}"] if each[0] == "." else [each])]
    return "".join(" https:" if host == "*" else f" https://{host}" for host in hosts)


def socket_sources(request: HttpRequest) -> str:
    """The page's own WebSocket, which older browsers do not count as 'self'. A proxy may end TLS: so both schemes."""
    try:
        host = request.get_host()
    except DisallowedHost:
        return ""
    return f" ws://{host} wss://{host}"
