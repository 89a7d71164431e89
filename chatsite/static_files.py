"""Stores static files compressed, under names that contain their hash."""

from __future__ import annotations

from typing import Any

from servestatic.storage import CompressedManifestStaticFilesStorage

from chatsite.npm_files import PREFIX


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # servestatic has no types
    """Also puts hashes in the names that modules import, so that a browser never mixes two versions.

    An import map would do this too, but it is inline in each page: with all modules that may be loaded later, it would
    be larger than most pages, and the Content-Security-Policy would need its hash.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 20
    """The maximum depth of imports between modules."""

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """Returns the plain name for a file of a package that is not installed, instead of raising an error."""
        if content is None and name.startswith(PREFIX) and not self.exists(filename or name):
            return name
        return str(super().hashed_name(name, content, filename))
