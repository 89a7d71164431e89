"""The models that a page offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from conversations.providers.catalog import CatalogEntry, ModelCatalog, listed_entries


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """Models that the same provider serves."""

    provider: str
    models: list[CatalogEntry]


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """`default` is the reader's own default, `in_use` the one that answers in the conversation that is shown."""

    groups: Sequence[ModelGroup]
    default: CatalogEntry
    in_use: CatalogEntry


def offer_models(*, chosen: str | None, preferred: str) -> ModelOffer:
    """As an answer's model is chosen: of the conversation's, the person's and the server's, the first that there is."""
    catalog = ModelCatalog(listed_entries())
    return ModelOffer(_groups(catalog.entries), _first(catalog, preferred), _first(catalog, chosen, preferred))


def _first(catalog: ModelCatalog, *names: str | None) -> CatalogEntry:
    return catalog.get(catalog.available.first_available(*names)) or catalog.default


def _groups(entries: Sequence[CatalogEntry]) -> list[ModelGroup]:
    """In the order in which the providers come first."""
    order = list(dict.fromkeys(entry.provider for entry in entries))
    by_provider = groupby(sorted(entries, key=lambda entry: order.index(entry.provider)), lambda entry: entry.provider)
    return [ModelGroup(provider, list(models)) for provider, models in by_provider]
