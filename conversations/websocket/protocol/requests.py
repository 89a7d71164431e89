"""The params of every method, and their validation."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from conversations.errors import InvalidParams, NotFound
from conversations.models import Conversation, Message, Project


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("expected text without NUL")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("expected text without lone surrogates") from None
    return text


MAX_NAME = 200
MAX_PROMPT = 100_000
"""Characters of a system prompt, or of a project's instructions, at most."""
MAX_COMMENT = 10_000
MAX_PAGE_ROWS = 200
MAX_TOOL_NAMES = 1000

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), AfterValidator(_storable)]
Prompt = Annotated[str, StringConstraints(max_length=MAX_PROMPT), AfterValidator(_storable)]
Title = Annotated[str, StringConstraints(max_length=Conversation.MAX_TITLE_LENGTH), AfterValidator(_storable)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE_ROWS)]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected some text")
    return text


MessageText = Annotated[
    str, StringConstraints(max_length=Message.MAX_TEXT_LENGTH), AfterValidator(_storable), AfterValidator(_not_blank)
]


class Params(BaseModel):
    """Unknown params are an error; nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NamedFunction(Params):
    name: Name


class ForcedFunction(Params):
    type: Literal["function"]
    function: NamedFunction


ToolChoice = Literal["auto", "none", "required"] | ForcedFunction


class ConversationFields(Params):
    title: Title = ""
    model: Name | None = None
    project_id: Name | None = None
    system_prompt: Prompt = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    thinking_enabled: bool = True
    tools: Annotated[list[Name], Field(max_length=MAX_TOOL_NAMES)] | None = None


class ConversationCreate(ConversationFields):
    request_id: Name | None = None


class ConversationUpdate(ConversationFields):
    """Only the given fields are changed."""

    conversation_id: Name
    pinned: bool = False
    archived: bool = False


class ConversationDelete(Params):
    conversation_id: Name


class ConversationList(Params):
    query: Title | None = None
    project_id: Name | None = None
    archived: bool = False
    pinned: bool | None = None
    cursor: Name | None = None
    limit: Limit = 50


class ConversationGet(Params):
    conversation_id: Name
    before: Name | None = None
    limit: Limit = 50


class ConversationSubscribe(Params):
    conversation_id: Name
    run_id: Name | None = None


class ConversationUnsubscribe(Params):
    conversation_id: Name


class RunParams(Params):
    """How a question is to be answered."""

    model: Name | None = None
    tool_choice: ToolChoice | None = None
    tools_enabled: bool = True
    request_id: Name | None = None


class MessageSend(RunParams):
    text: MessageText
    conversation_id: Name | None = None
    parent_id: Name | None = None
    project_id: Name | None = None
    attachments: Annotated[list[Name], Field(max_length=0)] = []


class MessageEdit(RunParams):
    message_id: Name
    text: MessageText


class MessageRegenerate(RunParams):
    message_id: Name


class MessageSelect(Params):
    message_id: Name


class MessageRate(Params):
    message_id: Name
    rating: Annotated[int, Field(ge=-1, le=1)]  # not Literal, which takes true for 1
    comment: Annotated[str, StringConstraints(max_length=MAX_COMMENT), AfterValidator(_storable)] | None = None


class StepGet(Params):
    message_id: Name
    id: Annotated[Name, StringConstraints(pattern=r"^step-[0-9]{1,9}$")]
    field: Literal["content", "arguments"] | None = None
    offset: Annotated[int, Field(ge=0, lt=2_147_483_647)] = 0  # databases count from 1
    limit: Annotated[int, Field(ge=1, le=200_000)] = 200_000


class RunCancel(Params):
    run_id: Name


class ProjectCreate(Params):
    name: Annotated[
        str,
        StringConstraints(max_length=Project.MAX_NAME_LENGTH),
        AfterValidator(_storable),
        AfterValidator(_not_blank),
    ]
    instructions: Prompt = ""


class ProjectList(Params):
    cursor: Name | None = None
    limit: Limit = 50


class FlowStart(Params):
    window: Annotated[int, Field(ge=16_384, le=4_194_304)]


class FlowAck(Params):
    bytes: Annotated[int, Field(ge=0)]


class NoParams(Params):
    pass


def validate_params(params_type: type[Params], params: object) -> Params:
    """Returns the validated params. Raises InvalidParams, which names each wrong field."""
    if not isinstance(params, dict):
        raise InvalidParams({"params": "expected an object"})
    try:
        return params_type.model_validate(params)
    except ValidationError as error:
        faults: dict[str, str] = {}
        for fault in error.errors(include_url=False, include_context=False, include_input=False)[:_MAX_FAULTS]:
            faults.setdefault(_field_name(fault["loc"]), fault["msg"].removeprefix("Value error, "))
        raise InvalidParams(faults) from error


def validate_text(**fields: object) -> None:
    """Raises InvalidParams for text with a NUL or a lone surrogate, naming its fields."""
    faults: dict[str, str] = {}
    for name, value in fields.items():
        try:
            _storable(value if isinstance(value, str) else "")
        except ValueError as error:
            faults[name] = str(error)
    if faults:
        raise InvalidParams(faults)


def _field_name(location: tuple[int | str, ...]) -> str:
    """Returns the dotted name of a field, cut and cleaned, as the client may have made it up."""
    name = ".".join(str(part) for part in location if part not in _UNION_TAGS)
    return name[:100].encode(errors="replace").decode().replace("\0", "?") or "params"


_MAX_FAULTS = 20
_UNION_TAGS = frozenset({"ForcedFunction", "literal['auto','none','required']"})


def to_uuid(value: str, what: str) -> uuid.UUID:
    """Parses an id. Raises NotFound if it is no UUID: ids are opaque to clients."""
    try:
        return uuid.UUID(value)
    except ValueError:
        raise NotFound(what) from None
