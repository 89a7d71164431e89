from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aimock.proxy import LiteLLM, running_litellm
from tests.aimock.server import Aimock, running_aimock


@pytest.fixture(scope="session")
def aimock_session() -> Iterator[Aimock]:
    with running_aimock() as aimock:
        yield aimock


@pytest.fixture
def aimock(aimock_session: Aimock) -> Aimock:
    aimock_session.reset()
    return aimock_session


@pytest.fixture(scope="session")
def litellm(aimock_session: Aimock) -> Iterator[LiteLLM]:
    with running_litellm(aimock_session.base_url) as litellm:
        yield litellm
