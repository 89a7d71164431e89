"""How static files are stored for serving: compressed, under names that hold their hash."""

from __future__ import annotations

from typing import Any

from servestatic.storage import CompressedManifestStaticFilesStorage

from chatsite.npm_files import PREFIX


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # servestatic has no types
    """Also what modules import has its hash in its name, so that a browser never mixes two versions.

    An import map would do this too, but stands inline in each page: with all that may be loaded later, it would be
    larger than most pages, and the policy would need its hash.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 20
    """As deep as modules may import each other."""

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """A package that could not be fetched keeps its plain name, under which there is nothing either."""
        if content is None and name.startswith(PREFIX) and not self.exists(filename or name):
            return name
        return str(super().hashed_name(name, content, filename))
