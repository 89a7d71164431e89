"""Blocks network access and name lookups in this process, except for loopback."""

from __future__ import annotations

import sys
from typing import Any

from chatsite.environment import is_loopback

LOOKUP_EVENTS = ("socket.getaddrinfo", "socket.gethostbyname")
SEND_EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg")


class NetworkAccessError(Exception):
    """Not an OSError, which the code under test would handle as a server that is down."""


def guard_network() -> None:
    """Installs the audit hook. Python has no way to remove it."""
    sys.addaudithook(refuse)


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in LOOKUP_EVENTS:
        host = arguments[0]
    elif event in SEND_EVENTS and isinstance(arguments[1], tuple):  # the address of a Unix socket is a string
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name and not is_loopback(name):
        raise NetworkAccessError(f"a test tried to reach {name}")
