from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import urllib.request

import pytest

from tests.clone import Clone, read_until_ready

pytestmark = pytest.mark.slow


def interrupt(server: subprocess.Popen[str]) -> int:
    os.killpg(server.pid, signal.SIGINT)
    return server.wait(timeout=30)


def test_the_first_start_creates_what_is_missing_and_serves(installed: Clone) -> None:
    with installed.started(PORT="0") as server:
        lines, address = read_until_ready(server)
        assert lines[:-1] == [
            "Made a SECRET_KEY and kept it in .env",
            "Bringing the database up to date",
            "Collecting the static files",
        ]
        with urllib.request.urlopen(address) as page:
            assert page.status == 200
            css = re.search(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page.read().decode())
        assert css
        chinese = urllib.request.Request(address, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
        with urllib.request.urlopen(chinese) as page:
            assert "<h1>欢迎</h1>" in page.read().decode()
        with urllib.request.urlopen(address + css[1].lstrip("/")) as file:
            assert "immutable" in file.headers["Cache-Control"]
            assert file.read()
        assert interrupt(server) == 0
    assert re.fullmatch(r"SECRET_KEY=[\w-]{64}\n", installed.env_file.read_text())
    assert stat.S_IMODE(installed.env_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((installed.folder / "var").stat().st_mode) == 0o700


def test_a_later_start_repeats_no_setup_and_keeps_the_key(installed: Clone) -> None:
    before = installed.env_file.read_text()
    with installed.started(PORT="0") as server:
        lines, address = read_until_ready(server)
        assert len(lines) == 1
        with urllib.request.urlopen(address) as page:
            assert page.status == 200
        assert interrupt(server) == 0
    assert installed.env_file.read_text() == before


def test_host_and_port_can_come_from_the_env_file(installed: Clone) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with installed.env_file.open("a") as file:
        file.write(f"PORT={port}\n")
    with installed.started() as server:
        assert read_until_ready(server)[1] == f"http://127.0.0.1:{port}/"


def test_a_busy_port_is_named_with_a_hint(installed: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = installed.run("script/server", PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"chatsite cannot start: port {port} of 127.0.0.1 is in use by another program")
    assert f"PORT={port + 1} script/server" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_address_of_another_machine_is_reported(installed: Clone) -> None:
    ended = installed.run("script/server", HOST="192.0.2.7")
    assert ended.returncode == 1
    assert "chatsite cannot start: HOST is '192.0.2.7', which is not an address of this machine" in ended.stderr


def test_warnings_are_printed_and_an_error_stops_the_start(installed: Clone) -> None:
    ended = installed.run("script/server", PORT="0", VAR_DIR="manage.py/var", LLM_MODEL="llama3")
    assert ended.returncode == 1
    assert "(chatsite.W003) LLM_MODEL is set without LLM_BASE_URL" in ended.stderr
    assert "(chatsite.E001) VAR_DIR: nothing can be written to" in ended.stderr
    assert ended.stderr.endswith("chatsite cannot start: see above\n")
