"""Settings from the environment, parsed strictly: a wrong one names itself, what it is and what was expected.

django-environ reads the lines of `.env`, and no more. Its casts take `maybe` for false and `15m` for 15, and its lookup
takes a value that starts with `$` for the name of another variable, and shows it if there is none.
"""

from __future__ import annotations

import io
import ipaddress
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import environ
import orjson
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

ENV_FILE_LINE = re.compile(r"\s*(#.*)?|(export )?[A-Za-z_][A-Za-z_0-9]*=.*")
FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
WHOLE_NUMBER = re.compile("[0-9]{1,18}")
SECRET = re.compile("[!-~]+")
HOST_NAME = re.compile(r"(?=.{1,253}$)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADERS_OF_THE_TRANSPORT = {"host", "connection", "content-length", "content-type", "transfer-encoding"}


class Environment:
    """Reads settings from the process's environment, then from `env_file`, if it exists. Neither is changed."""

    def __init__(self, env_file: Path) -> None:
        self._layers = (os.environ, read_env_file(env_file))

    def flag(self, name: str, default: bool) -> bool:
        return self.get(name, default, "true or false", lambda value: FLAGS.get(value.lower()))

    def count(self, name: str, default: int, minimum: int, maximum: int) -> int:
        def parse(value: str) -> int | None:
            return int(value) if WHOLE_NUMBER.fullmatch(value) and minimum <= int(value) <= maximum else None

        return self.get(name, default, f"a whole number from {minimum} to {maximum}", parse)

    def seconds(self, name: str, default: float, maximum: float = 86_400) -> float:
        expected = f"a number of seconds above 0, {maximum:g} at most"
        return self.get(
            name, default, expected, lambda value: number if 0 < (number := float(value)) <= maximum else None
        )

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        expected = f"one of {', '.join(choices)}"
        return self.get(name, default, expected, lambda value: value if value in choices else None)

    def names(self, name: str) -> tuple[str, ...]:
        return self.get(name, (), "names with commas between them, each once", split_names)

    def hosts(self, name: str) -> tuple[str, ...]:
        """Returns hosts as ALLOWED_HOSTS takes them: a leading dot for all subdomains, `*` for every host."""
        expected = "host names or IP addresses, without ports, and commas between them, each once"
        return self.get(name, (), expected, lambda value: tuple(map(parse_allowed_host, split_names(value))))

    def host(self, name: str, default: str) -> str:
        return self.get(name, default, "a host name or an IP address, without a port", parse_host)

    def url(self, name: str) -> str:
        """Returns an http or https address without the slash at its end, or ""."""
        expected = "an address such as https://example.com/v1, without a user, password, query or fragment"
        return self.get(name, "", expected, lambda value: split_http_url(value).geturl().rstrip("/"))

    def origin(self, name: str) -> str:
        """Returns `scheme://host[:port]`, or ""."""

        def parse(value: str) -> str | None:
            parts = split_http_url(value)
            return f"{parts.scheme}://{parts.netloc.lower()}" if parts.path in ("", "/") else None

        return self.get(name, "", "an address such as https://chat.example.com, without a path", parse)

    def path(self, name: str, default: str, base: Path) -> Path:
        def parse(value: str) -> str | None:
            path = os.path.expanduser(value)
            return None if path.startswith("~") else path

        return base / self.get(name, default, "a path, in which ~ or ~user stands for a home directory", parse)

    def headers(self, name: str) -> dict[str, str]:
        """Returns header names and their values, from a JSON object, which counts as a secret."""
        expected = 'a JSON object of header names and their values, such as {"X-Title": "Chat"}'
        return self.get(name, {}, expected, parse_headers, secret=True)

    def json_object(self, name: str, reserved: Sequence[str]) -> dict[str, Any]:
        """Returns a JSON object without the fields of these names."""

        def parse(value: str) -> dict[str, Any] | None:
            fields = parse_json_object(value)
            return fields if fields.keys().isdisjoint(reserved) else None

        return self.get(name, {}, f'a JSON object such as {{"name": "value"}}, without {", ".join(reserved)}', parse)

    def secret(self, name: str) -> str:
        expected = "printable ASCII characters without spaces"
        return self.get(name, "", expected, lambda value: value if SECRET.fullmatch(value) else None, secret=True)

    def redis(self, name: str) -> str:
        """Returns a redis, rediss or unix URL, or "". It counts as a secret."""
        return self.get(name, "", "an address such as redis://127.0.0.1:6379/0", parse_redis, secret=True)

    def database(self, name: str, default: Path, base: Path) -> Path | dict[str, str]:
        """Returns a file of SQLite, or the parameters (as libpq calls them) of a database of PostgreSQL, from a URL.

        The URL counts as a secret.
        """
        expected = (
            "a database of SQLite in a file, such as sqlite:////srv/chatsite/chatsite.sqlite3,"
            " or one of PostgreSQL, such as postgres://user:password@host:5432/chatsite"
        )
        file: Path | dict[str, str] = default
        return self.get(name, file, expected, lambda value: parse_database(value, base), secret=True)

    def get(self, name: str, default: T, expected: str, parse: Callable[[str], T | None], *, secret: bool = False) -> T:
        """Returns the parsed value, or the default if it is absent or empty.

        Raises ImproperlyConfigured if `parse` returns None or raises ValueError. A secret can also come as NAME_FILE.
        """
        value = self._find(name, secret)
        if not value:
            return default
        try:
            parsed = parse(value)
        except ValueError:
            parsed = None
        if parsed is None:
            given = "has a wrong value (not shown)" if secret or "@" in value else f"is {value!r}"
            raise ImproperlyConfigured(f"{name} {given}: expected {expected}")
        return parsed

    def _find(self, name: str, secret: bool) -> str:
        for layer in self._layers:
            value = layer.get(name, "").strip()
            file = layer.get(f"{name}_FILE", "").strip() if secret else ""
            if value and file:
                raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: expected one of them")
            if value or file:
                return value or read_secret_file(f"{name}_FILE is {file!r}", Path(os.path.expanduser(file)))
        return ""


def read_env_file(path: Path) -> Mapping[str, str]:
    """Returns the file's settings, none if it does not exist. Errors do not show its lines, which hold secrets."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}") from None
    for number, line in enumerate(lines, start=1):
        if not ENV_FILE_LINE.fullmatch(line):
            raise ImproperlyConfigured(f"{path}, line {number}: expected NAME=VALUE, or a comment that starts with #")

    class EnvFile(environ.Env):  # type: ignore[misc]  # it has no types
        ENVIRON: dict[str, str] = {}

    # Without indents, as it logs an indented comment as a wrong line
    EnvFile.read_env(io.StringIO("\n".join(map(str.lstrip, lines))), overwrite=True)
    return EnvFile.ENVIRON


def read_secret_file(subject: str, path: Path) -> str:
    try:
        value = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", "it is not UTF-8")
        raise ImproperlyConfigured(f"{subject}, which cannot be read: {problem}") from None
    if not value:
        raise ImproperlyConfigured(f"{subject}: expected a file that is not empty")
    return value


def split_names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise ValueError("a name is empty or comes twice")
    return names


def parse_host(value: str) -> str:
    """Returns a host name or an IP address; one of IPv6 without its brackets."""
    bare = value[1:-1] if re.fullmatch(r"\[.*:.*\]", value) else value
    if not HOST_NAME.fullmatch(bare):
        ipaddress.ip_address(bare)  # raises ValueError
    return bare


def parse_allowed_host(value: str) -> str:
    host = value if value == "*" else parse_host(value.removeprefix("."))
    return f"[{host}]" if ":" in host else value


def split_http_url(value: str) -> SplitResult:
    parts = urlsplit(value)
    parse_host(parts.hostname or "")
    if parts.scheme not in ("http", "https") or parts.port == 0 or "@" in parts.netloc or re.search(r"[\s?#]", value):
        raise ValueError("not an http or https URL, or one with a user, query or fragment")
    return parts


def parse_redis(value: str) -> str | None:
    url = urlsplit(value)
    return value if url.scheme in ("redis", "rediss", "unix") and (url.hostname or url.path) else None


def parse_json_object(value: str) -> dict[str, Any]:
    """Raises ValueError for a repeated name too, and for what orjson cannot write, such as an integer over 64 bits."""

    def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name comes twice")
        return dict(pairs)

    try:
        orjson.loads(value)
        parsed = json.loads(value, object_pairs_hook=unique_names)
        orjson.dumps(parsed)
    except (TypeError, RecursionError) as error:
        raise ValueError("orjson cannot write it") from error
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def parse_headers(value: str) -> dict[str, str] | None:
    headers = parse_json_object(value)
    names = {name.lower() for name in headers}
    is_valid = (
        len(names) == len(headers)
        and not names & HEADERS_OF_THE_TRANSPORT
        and all(HEADER_NAME.fullmatch(name) for name in headers)
        and all(isinstance(v, str) and v.isascii() and v.isprintable() and v == v.strip() for v in headers.values())
    )
    return headers if is_valid else None


def parse_database(value: str, base: Path) -> Path | dict[str, str] | None:
    if not re.match("postgres(ql)?://", value):
        parts = urlsplit(value)
        file = unquote(parts.path).removeprefix("/")
        is_file = parts.scheme == "sqlite" and not parts.netloc and not parts.query and file not in ("", ":memory:")
        return base / file if is_file else None

    from psycopg import ProgrammingError  # only where it is used: it takes memory and time
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(value).items()}
    except ProgrammingError:
        return None
    has_ports = re.fullmatch("[0-9,]*", parameters.get("port", ""))
    return parameters if parameters.get("dbname") and has_ports and not re.search(r"\s", value) else None


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Returns whether nothing but this machine is reached by the name or address."""
    return ipaddress.ip_address(host).is_loopback if is_address(host) else host.lower() in ("localhost", "localhost.")


def is_wildcard(host: str) -> bool:
    """Returns whether listening there listens on every interface."""
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


def load_settings() -> Any:
    """Returns Django's settings. A wrong one ends the process with one line that says which and why."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    from django.conf import settings

    try:
        settings.SECRET_KEY  # noqa: B018 - reading any setting loads them all
    except ImproperlyConfigured as error:
        sys.exit(f"chatsite cannot start: {error}")
    return settings
