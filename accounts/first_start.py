"""The first visitor of an empty install makes the administrator's account.

Who sits at the machine itself needs nothing for it. Anybody else has to enter a code that only the log shows. It is
derived from the SECRET_KEY, so every process of an install knows the same one and nothing is stored.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User

logger = logging.getLogger(__name__)

CODE_BYTES = 10
GROUP = 4
PROXY_HEADERS = ("forwarded", "x-forwarded", "x-real-ip", "via")


class AlreadyStartedError(Exception):
    """Somebody else has made the first account meanwhile."""


def is_pending() -> bool:
    """Whether there is nobody yet. One query."""
    return not User.objects.exists()


def code() -> str:
    """80 bits in base32, in groups of four: too long to be guessed at any rate that a server answers."""
    digest = salted_hmac("accounts.first_start", "code", algorithm="sha256").digest()
    text = base64.b32encode(digest[:CODE_BYTES]).decode()
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def is_code(text: str) -> bool:
    """Whether this is the code, however it is grouped and in either case. Takes the same time for every wrong one."""
    return constant_time_compare(_letters(text), _letters(code()))


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())


def announce() -> None:
    """Prints the code in the log, while there is nobody."""
    if is_pending():
        logger.warning(
            "There is no account yet: open the page to make the administrator's. "
            "From anywhere but this machine itself, it asks for this code: %s",
            code(),
        )


@functools.cache
def announce_to_first_visitor() -> None:
    """As `announce()`, once in a process: the line is then near the end of the log, where it is looked for."""
    announce()


def needs_code(request: HttpRequest) -> bool:
    """False for a browser on this very machine that comes to it directly and under a loopback name.

    The name guards against pages elsewhere whose domain is made to resolve to loopback; the headers, the version and
    PUBLIC_URL against a proxy on this machine, from which everybody comes as loopback (many proxies speak HTTP/1.0
    by default, as no browser does).
    """
    scope = getattr(request, "scope", {})
    addresses = [scope.get("server") or ("", 0), scope.get("client") or ("", 0)]
    domain, _ = split_domain_port(request.get_host())
    return not (
        all(_is_loopback(str(address[0])) for address in addresses)
        and _is_loopback(domain)
        and _is_loopback(urlsplit(settings.PUBLIC_URL).hostname or "localhost")
        and scope.get("http_version") != "1.0"
        and not any(name.lower().startswith(PROXY_HEADERS) for name in request.headers)
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def make_administrator(user: User) -> User:
    """Stores the unsaved user, whose password is set, as the administrator.

    Raises AlreadyStartedError if there is anybody. Two visitors at once wait for each other: on SQLite every writing
    transaction does, elsewhere the lock on a row that always exists makes them.
    """
    user.is_staff = user.is_superuser = True
    with transaction.atomic():
        list(ContentType.objects.select_for_update().filter(app_label="accounts", model="user"))
        if not is_pending():
            raise AlreadyStartedError
        user.save()
    return user
