"""The scripted model server follows its script, also for a client in another thread."""

import json
import socket
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

import pytest

from tests.modelserver import (
    Gate,
    ModelRequest,
    Reply,
    answer,
    body_of,
    calls,
    cut,
    hang,
    status,
    text,
    threaded_model_server,
    tool_call,
    wait_for,
)


def post(base_url: str, body: object = None) -> tuple[int, bytes]:
    address = urlsplit(base_url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        connection.request("POST", f"{address.path}/chat/completions", json.dumps(body or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_replies_are_used_in_order_and_the_last_one_repeats() -> None:
    with threaded_model_server(status(429, "busy"), answer("One two", thought="Hm")) as server:
        replies = [post(server.base_url, {"n": n}) for n in range(3)]
    assert replies[0] == (429, b"busy")
    assert replies[1] == replies[2] == (200, body_of(answer("One two", thought="Hm")))
    assert [request.body for request in server.requests] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_reply_can_be_computed_from_the_request() -> None:
    def reply(request: ModelRequest) -> Reply:
        return answer("found") if request.body["messages"] else calls(tool_call("look"))

    with threaded_model_server(reply) as server:
        assert b"look" in post(server.base_url, {"messages": []})[1]
        assert b"found" in post(server.base_url, {"messages": [1]})[1]


def test_a_cut_closes_the_connection_during_the_answer() -> None:
    with threaded_model_server([text("Hel"), cut()]) as server, pytest.raises(IncompleteRead) as broken:
        post(server.base_url)
    assert broken.value.partial == body_of([text("Hel")])


def test_a_gate_holds_the_reply_until_it_is_opened() -> None:
    gate = Gate()
    with threaded_model_server([text("a"), wait_for(gate), text("b")]) as server:
        address = urlsplit(server.base_url)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=30)
        connection.request("POST", "/v1/chat/completions", "{}")
        response = connection.getresponse()
        assert response.read(len(body_of([text("a")]))) == body_of([text("a")])
        assert not server.requests[0].answered.done()
        gate.open()
        assert response.read() == body_of([text("b")])
        server.requests[0].answered.result(5)
        connection.close()


def test_the_server_notices_when_a_client_disconnects() -> None:
    with threaded_model_server([hang()]) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            server.arrival().result(5)
            assert not server.requests[0].abandoned.done()
        server.requests[0].abandoned.result(5)
        assert not server.requests[0].answered.done()
