"""The menu of models on a chat page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conversations.providers.catalog import CatalogEntry, ModelCatalog, listed_entries


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """The models of one provider."""

    provider: str
    models: list[CatalogEntry]


@dataclass(frozen=True, slots=True)
class ModelMenu:
    """`default` is the person's default model, `current` the one that answers in the open conversation."""

    groups: Sequence[ModelGroup]
    default: CatalogEntry
    current: CatalogEntry


def build_model_menu(*, conversation_model: str | None, default_model: str) -> ModelMenu:
    """Returns the models by provider, and which of them a run would use.

    That is the conversation's model, else the person's default, else the server's: the first that still exists.
    """
    catalog = ModelCatalog(listed_entries())
    by_provider: dict[str, list[CatalogEntry]] = {}
    for entry in catalog.entries:
        by_provider.setdefault(entry.provider, []).append(entry)
    return ModelMenu(
        groups=[ModelGroup(provider, models) for provider, models in by_provider.items()],
        default=_first_available(catalog, default_model),
        current=_first_available(catalog, conversation_model, default_model),
    )


def _first_available(catalog: ModelCatalog, *names: str | None) -> CatalogEntry:
    return catalog.get(catalog.available.first_available(*names)) or catalog.default
