"""The Content-Security-Policy of every page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import async_only_middleware

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

HEADER = "Content-Security-Policy"
POLICY = (
    "default-src 'self'; connect-src 'self'{sockets}; img-src 'self' data:{images}; style-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@async_only_middleware  # as the one for static files is, which comes next
def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Allows a page only what its own host serves, and images of IMAGE_HOSTS: no inline script or style, no frame."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        response = await get_response(request)
        is_debug_page = settings.DEBUG and response.status_code in (404, 500)  # Django's, with its style inline
        if not is_debug_page:
            images = "".join(map(image_sources, settings.IMAGE_HOSTS))
            response.headers.setdefault(HEADER, POLICY.format(sockets=socket_sources(request), images=images))
        return response

    return middleware


def image_sources(host: str) -> str:
    """Returns the sources that one of IMAGE_HOSTS stands for, over https only."""
    if host == "*":
        return " https:"
    return f" https://{host[1:]} https://*{host}" if host.startswith(".") else f" https://{host}"


def socket_sources(request: HttpRequest) -> str:
    """Returns the page's own WebSocket, which older browsers do not count as 'self'. A proxy may end TLS: so both."""
    try:
        host = request.get_host()
    except DisallowedHost:
        return ""
    return f" ws://{host} wss://{host}"
