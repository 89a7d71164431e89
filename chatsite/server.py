"""`python -m chatsite.server`: prepares what is missing, then serves with Daphne.

Both happen in one process, because starting Django takes most of the time of a start.
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
    """Prints the address to open when the server listens."""

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        address = port.getHost()
        url = url_to_open(address.host, address.port)
        print(f"chatsite is ready: {url} (Ctrl-C stops it)", flush=True)  # noqa: T201


class Launcher(CommandLineInterface):  # type: ignore[misc]  # Daphne has no types
    server_class = AnnouncingServer


def main() -> None:
    settings = load_settings()

    import django

    django.setup()

    from chatsite.preparation import prepare

    prepare()
    if settings.LOG_LEVEL == "INFO":
        logging.getLogger("daphne").setLevel("WARNING")  # It logs its endpoints, which are printed here.
    options = ["-b", settings.HOST, "-p", str(settings.PORT)]
    Launcher().run([*options, "-v", "0", "--no-server-name", "chatsite.asgi:application"])  # -v 0: no access log


def url_to_open(host: str, port: int) -> str:
    from django.conf import settings

    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}/"
    name = "127.0.0.1" if is_wildcard(host) else host
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


if __name__ == "__main__":
    main()
