"""Keeps the tests off the network: in this process nothing but loopback can be reached, nor looked up."""

from __future__ import annotations

import sys
from typing import Any

from chatsite.environment import is_loopback

LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname")
SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")


class NetworkReachedError(Exception):
    """Not an OSError: what is tested would take that for a server that is down."""


def guard_network() -> None:
    """Python calls an audit hook before each of these events, and offers no way to remove it."""
    sys.addaudithook(refuse)


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in LOOKS_UP:
        host = arguments[0]
    elif event in SENDS and isinstance(arguments[1], tuple):  # the address of a Unix socket is a string
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name and not is_loopback(name):
        raise NetworkReachedError(f"a test reached for {name}")
