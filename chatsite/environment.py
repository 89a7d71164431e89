"""Settings from the environment, parsed strictly: a wrong one names itself, what it is and what was expected."""

from __future__ import annotations

import io
import ipaddress
import json
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

import environ
import orjson
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

ENV_FILE_LINE = re.compile(r"\s*(#.*)?|(export )?[A-Za-z_][A-Za-z_0-9]*=.*")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADERS_OF_THE_TRANSPORT = {"host", "connection", "content-length", "content-type", "transfer-encoding"}
POSTGRES_SCHEME = re.compile("postgres(ql)?://")
HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class Declared:
    """A setting that was asked for, with the default as documentation shows it. A secret can also come as NAME_FILE."""

    name: str
    default: str
    secret: bool


class WrongValueError(ValueError):
    """A value is not what its setting takes; the text says what would be."""


class Environment:
    """Where settings come from: `layers` of names and values, the first that holds a name wins.

    An empty value counts as absent. Every method raises ImproperlyConfigured on a wrong value, and notes in `declared`
    what was asked for.
    """

    def __init__(self, *layers: Mapping[str, str]) -> None:
        self.declared: dict[str, Declared] = {}
        self._layers = layers

    @classmethod
    def of_process(cls, env_file: Path) -> Environment:
        """The process's environment, then the file's lines NAME=VALUE, if there is such a file. Neither is changed."""
        return cls(os.environ, read_env_file(env_file))

    def flag(self, name: str, default: bool) -> bool:
        return self._parsed(name, default, str(default).lower(), parse_flag)

    def count(self, name: str, default: int, minimum: int, maximum: int) -> int:
        return self._parsed(name, default, str(default), lambda value: parse_count(value, minimum, maximum))

    def seconds(self, name: str, default: float, maximum: float = 86_400) -> float:
        return self._parsed(name, default, f"{default:g}", lambda value: parse_seconds(value, maximum))

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        return self._parsed(name, default, default, lambda value: parse_choice(value, choices))

    def names(self, name: str) -> tuple[str, ...]:
        return self._parsed(name, (), "", parse_names)

    def hosts(self, name: str) -> tuple[str, ...]:
        return self._parsed(name, (), "", lambda value: tuple(map(parse_allowed_host, parse_names(value))))

    def host(self, name: str, default: str) -> str:
        return self._parsed(name, default, default, parse_host)

    def url(self, name: str) -> str:
        """An http or https address without the slash at its end, or ""."""
        return self._parsed(name, "", "", parse_url)

    def origin(self, name: str) -> str:
        """`scheme://host[:port]`, or ""."""
        return self._parsed(name, "", "", parse_origin)

    def path(self, name: str, default: str, base: Path) -> Path:
        return self._parsed(name, base / default, default, lambda value: base / Path(value).expanduser())

    def headers(self, name: str) -> dict[str, str]:
        """Header names and their values, from a JSON object, which counts as a secret."""
        return self._parsed(name, {}, "", parse_headers, secret=True)

    def json_object(self, name: str, reserved: Sequence[str]) -> dict[str, Any]:
        """A JSON object without the fields of these names."""
        return self._parsed(name, {}, "", lambda value: parse_fields(value, reserved))

    def secret(self, name: str) -> str:
        return self._parsed(name, "", "", parse_secret, secret=True)

    def redis(self, name: str) -> str:
        """A redis, rediss or unix URL, or "". It counts as a secret."""
        return self._parsed(name, "", "", parse_redis, secret=True)

    def database(self, name: str, default: Path, base: Path) -> Path | dict[str, str]:
        """A file of SQLite, or the parameters (as libpq calls them) of a database of PostgreSQL, from a URL.

        The URL counts as a secret.
        """
        file: Path | dict[str, str] = default
        return self._parsed(name, file, "", lambda value: parse_database(value, base), secret=True)

    def _parsed(self, name: str, default: T, documented: str, parse: Callable[[str], T], *, secret: bool = False) -> T:
        self.declared[name] = Declared(name, documented, secret)
        value = self._raw_secret(name) if secret else self._raw(name)
        if not value:
            return default
        try:
            return parse(value)
        except WrongValueError as error:
            given = "has a wrong value (not shown)" if secret or "@" in value else f"is {value!r}"
            raise ImproperlyConfigured(f"{name} {given}: expected {error}") from None

    def _raw(self, name: str) -> str:
        return next((value for layer in self._layers if (value := layer.get(name, "").strip())), "")

    def _raw_secret(self, name: str) -> str:
        for layer in self._layers:
            value, file = layer.get(name, "").strip(), layer.get(f"{name}_FILE", "").strip()
            if value and file:
                raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: expected one of them")
            if value or file:
                return value or read_secret_file(f"{name}_FILE", Path(file))
        return ""


def read_env_file(path: Path) -> Mapping[str, str]:
    """The file's settings; none if it does not exist. Its lines are never quoted in errors, as they hold secrets."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {reason(error)}") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not ENV_FILE_LINE.fullmatch(line):
            raise ImproperlyConfigured(f"{path}, line {number}: expected NAME=VALUE, or a comment that starts with #")

    class EnvFile(environ.Env):  # type: ignore[misc]  # it has no types
        ENVIRON: dict[str, str] = {}

    EnvFile.read_env(io.StringIO(text), overwrite=True)
    return EnvFile.ENVIRON


def read_secret_file(name: str, path: Path) -> str:
    try:
        value = path.expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name} is {str(path)!r}, which cannot be read: {reason(error)}") from None
    if not value:
        raise ImproperlyConfigured(f"{name} is {str(path)!r}: expected a file that is not empty")
    return value


def reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is not UTF-8"


def parse_flag(value: str) -> bool:
    if value.lower() not in TRUE + FALSE:
        raise WrongValueError("true or false")
    return value.lower() in TRUE


def parse_count(value: str, minimum: int, maximum: int) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", value) or not minimum <= int(value) <= maximum:
        raise WrongValueError(f"a whole number from {minimum} to {maximum}")
    return int(value)


def parse_seconds(value: str, maximum: float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= maximum:
        raise WrongValueError(f"a number of seconds above 0, {maximum:g} at most")
    return seconds


def parse_choice(value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise WrongValueError(f"one of {', '.join(choices)}")
    return value


def parse_names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise WrongValueError("names with commas between them, each once")
    return names


def parse_host(value: str) -> str:
    """A name, or an address of IPv4 or IPv6 (with or without brackets)."""
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if not is_address(bare) and (bare != value or not is_host_name(value)):
        raise WrongValueError("a host name or an IP address, without a port")
    return bare


def parse_allowed_host(value: str) -> str:
    """As ALLOWED_HOSTS takes it: a leading dot for all subdomains, `*` for every host; IPv6 gets its brackets."""
    if value == "*":
        return value
    try:
        host = parse_host(value.removeprefix("."))
    except WrongValueError:
        raise WrongValueError("host names or IP addresses, without ports, and commas between them") from None
    return f"[{host}]" if ":" in host else value


def parse_redis(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("redis", "rediss", "unix") or not (url.hostname or url.path):
        raise WrongValueError("an address such as redis://127.0.0.1:6379/0")
    return value


def parse_url(value: str) -> str:
    parts = split_http_url(value)
    if parts is None or parts.query or parts.fragment:
        raise WrongValueError("an address such as https://example.com/v1, without a user, password, query or fragment")
    return value.rstrip("/")


def parse_origin(value: str) -> str:
    parts = split_http_url(value)
    if parts is None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise WrongValueError("an address such as https://chat.example.com, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def split_http_url(value: str) -> SplitResult | None:
    """The URL's parts; None if it is not one of http or https with a host, or holds a user or password."""
    try:
        parts = urlsplit(value)
        port = parts.port
        host = parse_host(parts.hostname or "")
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and host and port != 0 and "@" not in parts.netloc
    return parts if usable and not re.search(r"\s", value) else None


def parse_secret(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise WrongValueError("printable ASCII characters without spaces")
    return value


def parse_headers(value: str) -> dict[str, str]:
    headers = parse_json_object(value)
    names = {name.lower() for name in headers}
    usable = len(names) == len(headers) and not names & HEADERS_OF_THE_TRANSPORT
    if not usable or not all(HEADER_NAME.fullmatch(name) and is_header_value(headers[name]) for name in headers):
        raise WrongValueError('a JSON object of header names and their values, such as {"X-Title": "Chat"}')
    return headers


def is_header_value(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()


def parse_fields(value: str, reserved: Sequence[str]) -> dict[str, Any]:
    fields = parse_json_object(value)
    if not fields.keys().isdisjoint(reserved):
        raise WrongValueError(f"a JSON object without {', '.join(reserved)}")
    return fields


def parse_json_object(value: str) -> dict[str, Any]:
    """With each name once, and without what cannot be sent on: halves of surrogate pairs, integers over 64 bits."""
    try:
        parsed = json.loads(value, object_pairs_hook=unique_names, parse_constant=refuse_constant)
        orjson.dumps(parsed)
    except (ValueError, TypeError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise WrongValueError('a JSON object, such as {"name": "value"}')
    return parsed


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name comes twice")
    return dict(pairs)


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_database(value: str, base: Path) -> Path | dict[str, str]:
    parsed = parse_postgres(value) if POSTGRES_SCHEME.match(value) else parse_sqlite(value, base)
    if parsed is None:
        raise WrongValueError(
            "a database of SQLite in a file, such as sqlite:////srv/chatsite/chatsite.sqlite3,"
            " or one of PostgreSQL, such as postgres://user:password@host:5432/chatsite"
        )
    return parsed


def parse_sqlite(value: str, base: Path) -> Path | None:
    parts = urlsplit(value)
    name = unquote(parts.path).removeprefix("/")
    if parts.scheme != "sqlite" or parts.netloc or parts.query or name in ("", ":memory:"):
        return None
    return base / name


def parse_postgres(value: str) -> dict[str, str] | None:
    """By libpq itself, which knows all its parameters; None if it does not take the URL, or no database is named."""
    from psycopg import ProgrammingError  # only where it is used: it takes memory and time
    from psycopg.conninfo import conninfo_to_dict

    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(value).items()}
    except ProgrammingError:
        return None
    ports = parameters.get("port", "")
    usable = parameters.get("dbname") and re.fullmatch(r"[0-9,]*", ports) and not re.search(r"\s", value)
    return parameters if usable else None


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_host_name(host: str) -> bool:
    return len(host) <= 253 and all(HOST_LABEL.fullmatch(label) for label in host.split("."))


def is_loopback(host: str) -> bool:
    """Whether nothing but this machine is reached by the name or address."""
    return ipaddress.ip_address(host).is_loopback if is_address(host) else host.lower() in ("localhost", "localhost.")


def is_wildcard(host: str) -> bool:
    """Whether listening there listens on every interface."""
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


def load_settings() -> Any:
    """Django's settings, loaded; a wrong one ends the process with one line that says which and why."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    from django.conf import settings

    try:
        settings.SECRET_KEY  # noqa: B018 - reading any setting loads them all
    except ImproperlyConfigured as error:
        sys.exit(f"chatsite cannot start: {error}")
    return settings
