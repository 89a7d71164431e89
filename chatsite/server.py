"""`python -m chatsite.server`: prepares what is missing, then serves with Daphne.

One process does it all, as starting Django is most of the time that a start takes.
"""

from __future__ import annotations

import logging
from typing import Any

from chatsite.event_loop import install_reactor

install_reactor()

from daphne.cli import CommandLineInterface  # noqa: E402  after the reactor
from daphne.server import Server  # noqa: E402

from chatsite.environment import is_wildcard, load_settings  # noqa: E402


class AnnouncingServer(Server):  # type: ignore[misc]  # Daphne has no types
    """Prints where it can be reached once it listens."""

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        listening = port.getHost()
        address = address_to_open(listening.host, listening.port)
        print(f"chatsite is ready: {address} (Ctrl-C stops it)", flush=True)  # noqa: T201


class Launcher(CommandLineInterface):  # type: ignore[misc]  # Daphne has no types
    server_class = AnnouncingServer


def main() -> None:
    settings = load_settings()

    import django

    django.setup()

    from chatsite.preparation import prepare

    prepare()
    if settings.LOG_LEVEL == "INFO":
        logging.getLogger("daphne").setLevel("WARNING")  # it tells of its endpoints what is printed here
    bind = ["-b", settings.HOST, "-p", str(settings.PORT)]
    Launcher().run([*bind, "-v", "0", "--no-server-name", "chatsite.asgi:application"])  # 0: no access log


def address_to_open(host: str, port: int) -> str:
    from django.conf import settings

    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}/"
    name = "127.0.0.1" if is_wildcard(host) else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


if __name__ == "__main__":
    main()
