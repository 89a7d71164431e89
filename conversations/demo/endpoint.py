"""The demonstration's HTTP interface: POST /v1/chat/completions and GET /v1/models."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from conversations.demo import DEMO_MODEL_NAME
from conversations.demo.brain import Prompt, plan_reply
from conversations.demo.request import ChatCompletionRequest, RefusedRequestError, parse_request
from conversations.demo.wire import Answer, estimate_prompt_tokens

_MAX_BODY = 64 * 1024 * 1024


class Endpoint:
    """`seconds_per_token` is the pause between two tokens of a stream. Only requests with `api_key` are answered."""

    def __init__(self, *, api_key: str, seconds_per_token: float) -> None:
        self._api_key = api_key.encode()
        self._seconds_per_token = seconds_per_token

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._answer_refusals], client_max_size=_MAX_BODY)
        application.router.add_get("/v1/models", self._list_models)
        application.router.add_post("/v1/chat/completions", self._complete)
        return application

    @web.middleware
    async def _answer_refusals(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            self._check_key(request)
            return await handler(request)
        except RefusedRequestError as refusal:
            return _refusal(refusal)
        except web.HTTPException as error:
            return _refusal(RefusedRequestError(error.status, error.reason))

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not secrets.compare_digest(key.encode(errors="replace"), self._api_key):
            raise RefusedRequestError(
                401, "A key is missing or wrong.", kind="authentication_error", code="invalid_api_key"
            )

    async def _list_models(self, _request: web.Request) -> web.Response:
        model = {"id": DEMO_MODEL_NAME, "object": "model", "created": 0, "owned_by": "demo"}
        return web.Response(body=orjson.dumps({"object": "list", "data": [model]}), content_type="application/json")

    async def _complete(self, http_request: web.Request) -> web.StreamResponse:
        request = parse_request(await http_request.read())
        messages = request.chat_messages
        reply = plan_reply(_prompt(request))
        answer = Answer(reply, prompt_tokens=estimate_prompt_tokens(messages), token_limit=request.token_limit)
        if request.stream:
            return await self._stream(http_request, answer, include_usage=request.include_usage)
        return web.Response(body=answer.body(), content_type="application/json")

    async def _stream(self, request: web.Request, answer: Answer, *, include_usage: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        try:
            await response.prepare(request)
            for event in answer.events(include_usage=include_usage):
                await response.write(event)
                await asyncio.sleep(self._seconds_per_token)
            await response.write_eof()
        except ConnectionResetError:
            pass  # The client has left, and with it the reason to go on.
        return response


def _prompt(request: ChatCompletionRequest) -> Prompt:
    return Prompt(
        messages=request.chat_messages,
        functions={function.name: function for function in request.functions},
        may_call=request.tool_choice != "none",
        must_call=request.tool_choice == "required",
        forced_function=request.forced_function,
        thinks=request.thinks,
    )


def _refusal(refusal: RefusedRequestError) -> web.Response:
    error = {"message": str(refusal), "type": refusal.kind, "param": None, "code": refusal.code}
    return web.Response(status=refusal.status, body=orjson.dumps({"error": error}), content_type="application/json")
