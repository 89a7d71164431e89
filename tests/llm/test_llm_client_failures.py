"""Every server failure raises one LLM error, with the code and message of the protocol."""

import socket

import pytest

from conversations.llm.client import ModelClient
from conversations.llm.errors import LLMError
from conversations.llm.types import TextDelta, TimeLimits
from tests.llm.scripted import ask, endpoint
from tests.modelserver import event, head, model_server, raw, status, text

PROTOCOL_ERRORS = {
    "unreachable": ("Unable to connect to LLM service", True),
    "timeout": ("LLM request timed out", True),
    "rate_limited": ("Rate limit exceeded, please try again later", True),
    "unavailable": ("LLM service unavailable (503)", True),
    "rejected_key": ("The LLM service refused the configured key", False),
    "unknown_model": ("The LLM service does not know this model", False),
    "context_too_long": ("The conversation is too long for this model", False),
    "refused": ("The LLM service refused this request", False),
    "malformed": ("The LLM service sent an answer that could not be read, or broke off", True),
}


def subclasses(kind: type[LLMError]) -> list[type[LLMError]]:
    return [found for each in kind.__subclasses__() for found in (each, *subclasses(each))]


def test_the_error_classes_match_the_protocol_table() -> None:
    kinds = [kind for kind in subclasses(LLMError) if hasattr(kind, "code")]
    assert {kind.code: (kind.content, kind.retryable) for kind in kinds if "code" in vars(kind)} == PROTOCOL_ERRORS


def test_a_more_precise_message_begins_with_the_protocol_message() -> None:
    precise = [kind for kind in subclasses(LLMError) if hasattr(kind, "code") and "code" not in vars(kind)]
    assert precise
    for kind in precise:
        sentence, retryable = PROTOCOL_ERRORS[kind.code]
        assert kind.content.startswith(f"{sentence}: ")
        assert kind.retryable == retryable


CONTEXT_REFUSALS = [
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
    "the request exceeds the available context size, try increasing it",
    "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "Please reduce the length of the messages or completion.",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "Too many tokens in the request",
    "The request has too_many_prompt_tokens",
    "prompt too long; exceeded max context length by 12 tokens",
]


NO_TOOLS = "The LLM service refused this request: this model has no tools. Turn tools off, or choose another model."


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, "registry.example/library/small:2b does not support tools"),
        (404, "No endpoints found that support tool use. Try another model."),
        (400, "tools is not supported in this model. For a list of supported models, see the documentation."),
        (400, "Unsupported parameter: 'tools' is not supported with this model."),
        (400, "Unrecognized request argument supplied: tools"),
        (400, "Functions are not supported for this API version or this model version."),
        (400, "`tool calling` is not supported with this model"),
        (405, "Tool calling is not supported for model: small"),
        (400, "Function calling is not enabled for this model"),
        (400, "The model does not support tool use or function calling but tools have been specified"),
        (400, "This model doesn't support tool use."),
        (400, "small-reasoner does not support Function Calling"),
        (400, "The tool call is not supported."),
        (500, "tools param requires --jinja flag"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
    ],
)
async def test_an_error_about_unsupported_tools_says_that_the_model_has_no_tools(
    client: ModelClient, code: int, message: str
) -> None:
    async with model_server(status(code, {"error": {"message": message}})) as server:
        _, error = await ask(client, endpoint(server, retries=2))
    assert error is not None
    assert (error.code, error.content, error.retryable) == ("refused", NO_TOOLS, False)
    assert len(server.requests) == 1


async def test_a_server_that_rejects_the_tools_field_has_no_tools(client: ModelClient) -> None:
    refusal = {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "tools"], "msg": "Extra inputs are not permitted"}]
    }
    async with model_server(status(422, refusal)) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert error.content == NO_TOOLS


@pytest.mark.parametrize(
    "message",
    [
        "Function tools with reasoning_effort are not supported for this model. Use another endpoint.",
        "Thinking mode does not support tool_choice required",
        "This model does not support tool choice 'required'",
        "Parallel tool calls are not supported",
        "Invalid type for 'tools[0].function.name'",
        "Unknown parameter: 'tools[0].strict'",
        "An assistant message with tool calls must be followed by tool messages",
    ],
)
async def test_other_errors_about_tools_do_not_say_that_the_model_has_no_tools(
    client: ModelClient, message: str
) -> None:
    async with model_server(status(400, {"error": {"message": message}})) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert (error.code, error.content) == ("refused", PROTOCOL_ERRORS["refused"][0])


@pytest.mark.parametrize("code", [400, 413, 422])
@pytest.mark.parametrize("message", CONTEXT_REFUSALS)
async def test_an_exceeded_context_length_is_distinguished_from_other_errors(
    client: ModelClient, code: int, message: str
) -> None:
    async with model_server(status(code, {"error": {"message": message}})) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert error.code == "context_too_long"


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (401, {"error": {"message": "Incorrect API key provided"}}, "rejected_key"),
        (403, "Forbidden", "rejected_key"),
        (400, {"error": {"message": "API key not valid. Please pass a valid API key."}}, "rejected_key"),
        (404, {"error": {"message": "The model `x` does not exist"}}, "unknown_model"),
        (404, "", "unknown_model"),
        (400, {"error": {"message": "x is not a valid model ID", "code": 400}}, "unknown_model"),
        (400, {"error": {"message": "Model Not Exist"}}, "unknown_model"),
        (400, {"error": {"message": "model x does not support tools"}}, "refused"),
        (400, {"error": {"message": "Tool call validation failed", "code": "tool_use_failed"}}, "malformed"),
        (400, b"\xff\xfe", "refused"),
        (402, {"error": {"message": "Insufficient Balance"}}, "refused"),
        (413, "Request Entity Too Large", "refused"),
        (422, {"detail": [{"msg": "wrong", "input": "maximum context length"}]}, "refused"),
        (301, "", "refused"),
        (418, "", "refused"),
        (408, "", "timeout"),
        (429, {"error": {"message": "Rate limit reached", "type": "tokens"}}, "rate_limited"),
        (429, {"error": {"code": "insufficient_quota"}}, "rate_limited"),
        (500, "", "unavailable"),
        (502, "<html>Bad gateway</html>", "unavailable"),
        (503, {"error": {"message": "loading model"}}, "unavailable"),
        (504, "", "unavailable"),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, "unavailable"),
        (200, "", "malformed"),
        (200, "<html>", "malformed"),
        (200, {"error": {"message": "Invalid API key"}}, "rejected_key"),
        (200, {"error": "Unexpected endpoint or method. (POST /v1/v1/chat/completions)"}, "refused"),
    ],
)
async def test_a_status_and_body_map_to_one_error(client: ModelClient, code: int, body: object, expected: str) -> None:
    async with model_server(status(code, body)) as server:
        deltas, error = await ask(client, endpoint(server))
    assert deltas == []
    assert error is not None
    assert error.code == expected


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ({"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}, "context_too_long"),
        ({"message": "Rate limit reached", "code": "rate_limit_exceeded"}, "rate_limited"),
        ({"message": "no", "code": 401}, "rejected_key"),
        ({"message": "no", "code": "503"}, "unavailable"),
        ({"message": "no", "type": "invalid_request_error"}, "refused"),
        ({"message": "no", "type": "server_error"}, "unavailable"),
        ("upstream went away", "unavailable"),
    ],
)
async def test_an_error_in_the_stream_maps_to_the_same_error_after_the_deltas_that_arrived(
    client: ModelClient, reported: object, expected: str
) -> None:
    async with model_server([text("Hel"), event({"error": reported})]) as server:
        deltas, error = await ask(client, endpoint(server))
    assert deltas == [TextDelta("Hel")]
    assert error is not None
    assert error.code == expected


async def test_a_closed_port_raises_unreachable(client: ModelClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    _, error = await ask(client, endpoint(url))
    assert error is not None
    assert error.code == "unreachable"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/v1", "http://", "http://127.0.0.1:99999/v1"])
async def test_an_invalid_address_raises_unreachable(client: ModelClient, url: str) -> None:
    _, error = await ask(client, endpoint(url, retries=2))
    assert error is not None
    assert error.code == "unreachable"


async def test_a_server_without_tls_raises_unreachable(client: ModelClient) -> None:
    async with model_server([text("Hello")]) as server:
        secure = server.base_url.replace("http:", "https:")
        _, error = await ask(client, endpoint(secure, limits=TimeLimits(connect=0.2)))
    assert error is not None
    assert error.code == "unreachable"


async def test_a_response_with_a_wrong_content_encoding_raises_malformed(client: ModelClient) -> None:
    async with model_server([head(headers={"Content-Encoding": "gzip"}), raw(b"no gzip at all")]) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert error.code == "malformed"


async def test_an_endless_response_raises_malformed(client: ModelClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.llm.response_decoder.MAX_RESPONSE_BYTES", 50_000)
    async with model_server([raw(b": nothing\n\n" * 100)] * 100) as server:
        _, error = await ask(client, endpoint(server))
    assert error is not None
    assert error.code == "malformed"


async def test_a_key_that_is_invalid_in_a_header_is_refused(client: ModelClient) -> None:
    async with model_server([text("Hello")]) as server:
        _, error = await ask(client, endpoint(server, api_key="two\r\nlines"))
    assert error is not None
    assert error.code == "refused"
    assert server.requests == []
