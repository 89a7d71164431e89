"""Creation of the first account, the administrator's, by the first visitor of a new installation.

A browser on the same machine needs nothing else. All others have to enter a setup code that only the log shows. The
code is derived from the SECRET_KEY, so that all processes share it and nothing is stored.
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
CODE_GROUP_LENGTH = 4
PROXY_HEADERS = ("forwarded", "x-forwarded", "x-real-ip", "via")


class AlreadySetUpError(Exception):
    """The first account exists already."""


def is_pending() -> bool:
    """Returns whether there are no accounts yet. Takes one query."""
    return not User.objects.exists()


def setup_code() -> str:
    """Returns 80 bits in base32, in groups of four characters: too long to be guessed over the network."""
    digest = salted_hmac("accounts.first_start", "code", algorithm="sha256").digest()
    text = base64.b32encode(digest[:CODE_BYTES]).decode()
    return "-".join(text[i : i + CODE_GROUP_LENGTH] for i in range(0, len(text), CODE_GROUP_LENGTH))


def is_setup_code(text: str) -> bool:
    """Compares in constant time, ignoring case and everything but letters and digits."""
    return constant_time_compare(_normalize_code(text), _normalize_code(setup_code()))


def _normalize_code(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())


def log_setup_code() -> None:
    """Logs the code if there are no accounts yet."""
    if is_pending():
        logger.warning(
            "There is no account yet. Open the page to create the administrator's. "
            "From any other machine, the page asks for this code: %s",
            setup_code(),
        )


@functools.cache
def log_setup_code_once() -> None:
    """Calls `log_setup_code` once in each process, so that a visitor finds the code near the end of the log."""
    log_setup_code()


def needs_code(request: HttpRequest) -> bool:
    """Returns False for a browser on this machine that connects directly and under a loopback host name.

    Checking the host name prevents DNS rebinding. Checking the headers, the HTTP version and PUBLIC_URL detects a
    proxy on this machine, behind which every client address is a loopback address. (Many proxies use HTTP/1.0 by
    default; no browser does.)
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


def create_administrator(user: User) -> User:
    """Saves the new user, whose password is set, as an administrator.

    Raises AlreadySetUpError if there is an account. Concurrent calls wait for each other: on SQLite every writing
    transaction does, and on other databases the lock on a row that always exists makes them wait.
    """
    user.is_staff = user.is_superuser = True
    with transaction.atomic():
        list(ContentType.objects.select_for_update().filter(app_label="accounts", model="user"))
        if not is_pending():
            raise AlreadySetUpError
        user.save()
    return user
