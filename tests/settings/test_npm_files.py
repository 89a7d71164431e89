"""The npm packages of the page are served as static files, and missing ones are only reported."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.checks import check_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client, override_settings

from chatsite.npm_files import FILES, NpmFinder
from chatsite.preparation import collect_static_files

MODULE = 'const load = () => import("../npm/markdown-it.mjs");\n'


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    folder = tmp_path / "node_modules"
    for path in FILES.values():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text('export default "../not/an/address.js";\n')
    (folder / "markdown-it" / "package.json").write_text("{}")
    return folder


@pytest.fixture
def production(tmp_path: Path, packages: Path) -> Iterator[Path]:
    """Returns the folder for collected static files; the sources are the packages and one module."""
    sources = tmp_path / "sources" / "pages"
    sources.mkdir(parents=True)
    (sources / "page.js").write_text(MODULE)
    root = tmp_path / "static"
    finders.get_finder.cache_clear()  # type: ignore[attr-defined]  # functools'
    with override_settings(
        NODE_MODULES=packages,
        STATIC_ROOT=root,
        STATICFILES_DIRS=[sources.parent],
        STATICFILES_FINDERS=[
            "django.contrib.staticfiles.finders.FileSystemFinder",
            "chatsite.npm_files.NpmFinder",
        ],
        STORAGES={"staticfiles": {"BACKEND": "chatsite.static_files.StaticFilesStorage"}},
    ):
        yield root
    finders.get_finder.cache_clear()  # type: ignore[attr-defined]  # functools'


def test_modules_import_packages_by_hashed_names(production: Path) -> None:
    collect_static_files()
    [name] = re.findall(r'import\("\.\./(npm/markdown-it\.[0-9a-f]{12}\.mjs)"\)', page_module(production))
    assert (production / name).read_text() == 'export default "../not/an/address.js";\n'


def test_static_files_are_collected_when_packages_are_missing(production: Path, packages: Path) -> None:
    (packages / FILES["markdown-it.mjs"]).unlink()
    collect_static_files()
    assert page_module(production) == MODULE


def test_packages_are_collected_after_they_are_installed(production: Path, packages: Path) -> None:
    package = packages / FILES["markdown-it.mjs"]
    package.rename(packages / "away")
    collect_static_files()
    (packages / "away").rename(package)
    collect_static_files()
    assert page_module(production) != MODULE


def test_missing_packages_are_reported(production: Path, packages: Path) -> None:
    assert check_finders(None) == []
    (packages / FILES["temml.mjs"]).unlink()
    [warning] = check_finders(None)
    assert warning.id == "chatsite.W012"
    assert not warning.is_serious()


def test_no_other_files_of_the_packages_are_served(production: Path) -> None:
    finder = NpmFinder()
    assert finder.find("npm/markdown-it.mjs")
    for path in ("npm/package.json", "npm/markdown-it/package.json", "npm/../secret", "markdown-it.mjs", "npm/"):
        assert finder.find(path) is None
        assert finder.find(path, find_all=True) == []


def test_every_listed_package_is_installed_and_served(client: Client) -> None:
    for name in FILES:
        response = client.get(f"/static/npm/{name}")
        assert response.status_code == 200, f"{name}: run script/setup"
        assert response.headers["Content-Type"].startswith("text/javascript")
        response.close()


def page_module(root: Path) -> str:
    name = staticfiles_storage.url("pages/page.js").removeprefix("/static/")
    assert name != "pages/page.js"
    return (root / name).read_text()
