"""The language models that users can choose from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

from django.conf import settings

from conversations.demo import DEMO_MODEL_NAME
from conversations.llm.types import Endpoint, MaxTokensField, ThinkingField, ThinkingStyle, TimeLimits


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model in the menu, and how to reach it. `context_window` is in tokens."""

    name: str
    label: str
    provider: str
    endpoint: Endpoint
    context_window: int
    tools: bool = True
    vision: bool = False
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class AvailableModels:
    """The names of the models in the catalog, and of the default one."""

    names: Collection[str]
    default: str

    def first_available(self, *names: str | None) -> str:
        """Returns the first of the given names that is available, or else the default."""
        return next((name for name in names if name and name in self.names), self.default)


class ModelCatalog:
    """The models, at least one. The first is the default."""

    def __init__(self, entries: Sequence[CatalogEntry]) -> None:
        self.entries = tuple(entries)
        self._by_name = {entry.name: entry for entry in entries}

    @property
    def default(self) -> CatalogEntry:
        return self.entries[0]

    @property
    def available(self) -> AvailableModels:
        return AvailableModels(self._by_name.keys(), self.default.name)

    def get(self, name: str) -> CatalogEntry | None:
        return self._by_name.get(name)


def _time_limits() -> TimeLimits:
    return TimeLimits(
        connect=settings.LLM_CONNECT_TIMEOUT,
        first_token=settings.LLM_FIRST_TOKEN_TIMEOUT,
        idle=settings.LLM_IDLE_TIMEOUT,
        total=settings.LLM_TIMEOUT,
    )


def configured_entries() -> list[CatalogEntry]:
    """Returns the models in LLM_MODEL on the server at LLM_BASE_URL. Empty if LLM_MODEL is not set."""
    style = cast(ThinkingStyle, settings.LLM_THINKING_STYLE)
    thinking_field = "" if settings.LLM_THINKING_FIELD == "none" else settings.LLM_THINKING_FIELD
    return [
        CatalogEntry(
            name=name,
            label=name,
            provider="default",
            endpoint=Endpoint(
                base_url=settings.LLM_BASE_URL,
                model=name,
                api_key=settings.LLM_API_KEY,
                thinking_style=style,
                limits=_time_limits(),
                retries=settings.LLM_RETRIES,
                thinking_field=cast(ThinkingField, thinking_field),
                max_tokens_field=cast(MaxTokensField, settings.LLM_MAX_TOKENS_FIELD),
                empty_content="" if settings.LLM_EMPTY_CONTENT == "empty" else None,
                headers=settings.LLM_EXTRA_HEADERS,
                body=settings.LLM_EXTRA_BODY,
            ),
            context_window=settings.LLM_CONTEXT_WINDOW,
            thinking=style != "none",
        )
        for name in settings.LLM_MODELS
    ]


def listed_entries() -> list[CatalogEntry]:
    """Returns the models for display: those configured, or else the demo model, without its address."""
    return configured_entries() or [demo_entry(base_url="", api_key="", model=DEMO_MODEL_NAME)]


def demo_entry(*, base_url: str, api_key: str, model: str) -> CatalogEntry:
    endpoint = Endpoint(
        base_url=base_url, model=model, api_key=api_key, thinking_style="enable_thinking", limits=_time_limits()
    )
    return CatalogEntry(model, "Demo", "demo", endpoint, context_window=32_768, thinking=True)
