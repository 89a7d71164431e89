from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from chatsite.logs import RedactingFormatter

KEY = "f81d4fae-7dec-11d0-a765"


@pytest.fixture
def log_output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(log_output: io.StringIO) -> Iterator[logging.Logger]:
    logger = logging.getLogger("chatsite.tests.logs")
    output = logging.StreamHandler(log_output)
    output.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s", secrets=[KEY, ""]))
    logger.addHandler(output)
    yield logger
    logger.removeHandler(output)


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer abcDEF123-_x",
        "authorization: Basic YWRhOmh1bnRlcg==",
        "{'Authorization': 'Bearer abcDEF123'}",
        "[(b'authorization', b'Bearer abcDEF123')]",
        '"authorization": "abcDEF123"',
        "Sec-WebSocket-Protocol: chatsite.v1, bearer.abcDEF123",
        "https://example.com/v1?api_key=abcDEF123&page=2",
        "X-Api-Key: abcDEF123",
        "password='abcDEF123'",
        "cookie: sessionid=abcDEF123; csrftoken=abcDEF456",
        "Incorrect API key provided: sk-abcDEF123.",
    ],
)
def test_text_that_looks_like_a_credential_is_hidden(
    logger: logging.Logger, log_output: io.StringIO, line: str
) -> None:
    logger.warning("refused %s", line)
    assert "abcDEF" not in log_output.getvalue()
    assert "YWRh" not in log_output.getvalue()
    assert "[hidden]" in log_output.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        "prompt_tokens=1200 completion_tokens: 7",
        "the bearer of this news",
        "3 tokens per second",
        "Not Found: /keys/token/",
    ],
)
def test_other_text_is_unchanged(logger: logging.Logger, log_output: io.StringIO, line: str) -> None:
    logger.warning(line)
    assert line in log_output.getvalue()


def test_a_configured_secret_is_hidden_everywhere(logger: logging.Logger, log_output: io.StringIO) -> None:
    logger.warning("GET /%s/models", KEY)
    assert log_output.getvalue() == "WARNING chatsite.tests.logs: GET /[hidden]/models\n"


def test_a_configured_secret_is_hidden_in_a_traceback(logger: logging.Logger, log_output: io.StringIO) -> None:
    try:
        raise ValueError(f"bad header {KEY}")
    except ValueError:
        logger.exception("the call failed")
    assert "ValueError: bad header [hidden]" in log_output.getvalue()


def test_a_record_is_one_line(logger: logging.Logger, log_output: io.StringIO) -> None:
    logger.warning("asked for %s", "a\nCRITICAL root: forged\r")
    assert log_output.getvalue() == "WARNING chatsite.tests.logs: asked for a\\nCRITICAL root: forged\\r\n"
