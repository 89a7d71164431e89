from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, PostgresTemplate, new_cluster
from tests.faults.deployment import Deployment, Template
from tests.postgres import PostgresServer
from tests.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template.create(tmp_path_factory.mktemp("template"))


@pytest.fixture
def deployment(tmp_path: Path, template: Template) -> Deployment:
    return Deployment(tmp_path, template)


@pytest.fixture(scope="session")
def postgres_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresTemplate]:
    with PostgresServer() as server:
        yield PostgresTemplate.create(server, tmp_path_factory.mktemp("postgres-template"))


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def cluster(tmp_path: Path, postgres_template: PostgresTemplate, redis: RedisServer) -> Iterator[Cluster]:
    with new_cluster(tmp_path, postgres_template, redis) as started:
        yield started


@pytest.fixture
def fragile_cluster(tmp_path: Path, postgres_template: PostgresTemplate) -> Iterator[Cluster]:
    """A cluster with a Redis of its own, which a test may stop."""
    with running_redis() as own_redis, new_cluster(tmp_path, postgres_template, own_redis) as started:
        yield started
