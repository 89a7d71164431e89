from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import AsyncClient, Client, override_settings

from chatsite.preparation import collect_static_files

STORAGE = "servestatic.storage.CompressedManifestStaticFilesStorage"
pytestmark = pytest.mark.urls(())


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "page.css").write_text("body { color: black }\n" * 100)
    return folder


@pytest.fixture
def production(tmp_path: Path, sources: Path) -> Iterator[Path]:
    """Serves static files as with DEBUG off, and yields the folder where they are collected."""
    root = tmp_path / "static"
    with override_settings(
        STATIC_ROOT=root,
        STATICFILES_DIRS=[sources],
        STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
        STORAGES={"staticfiles": {"BACKEND": STORAGE}},
        SERVESTATIC_USE_FINDERS=False,
        SERVESTATIC_AUTOREFRESH=False,
    ):
        yield root


async def body(response: Any) -> bytes:
    assert response.is_async, "or Django warns, and reads the file whole"
    return b"".join([part async for part in response])


async def test_a_hashed_file_is_compressed_and_cached_forever(production: Path, async_client: AsyncClient) -> None:
    collect_static_files()
    url = staticfiles_storage.url("page.css")
    assert url.startswith("/static/page.")
    response = await async_client.get(url, headers={"accept-encoding": "gzip"})
    assert response.status_code == 200
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Content-Type"] == 'text/css; charset="utf-8"'
    assert response.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert gzip.decompress(await body(response)).startswith(b"body { color: black }")


async def test_a_file_under_its_plain_name_is_cached_for_a_minute(production: Path, async_client: AsyncClient) -> None:
    collect_static_files()
    response = await async_client.get("/static/page.css")
    assert response.headers["Cache-Control"] == "max-age=60, public"
    assert "Access-Control-Allow-Origin" not in response.headers
    assert (await body(response)).startswith(b"body")


async def test_a_file_that_the_browser_has_cached_is_not_sent_again(
    production: Path, async_client: AsyncClient
) -> None:
    collect_static_files()
    first = await async_client.get("/static/page.css")
    again = await async_client.get("/static/page.css", headers={"if-none-match": first.headers["ETag"]})
    assert again.status_code == 304
    await body(first)


def test_files_are_collected_again_only_when_a_source_has_changed(production: Path, sources: Path) -> None:
    collect_static_files()
    manifest = production / "staticfiles.json"
    first = manifest.stat().st_mtime_ns
    collect_static_files()
    assert manifest.stat().st_mtime_ns == first
    (sources / "page.css").write_text("body { color: white }")
    collect_static_files()
    assert (production / "page.css").read_text() == "body { color: white }"


def test_a_missing_folder_is_recreated(production: Path) -> None:
    collect_static_files()
    for file in production.iterdir():
        file.unlink()
    collect_static_files()
    assert (production / "staticfiles.json").exists()


def test_tests_need_no_collected_files(client: Client) -> None:
    response = client.get("/static/admin/css/base.css")
    assert response.status_code == 200
    assert b"color" in b"".join(response)
