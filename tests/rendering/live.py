"""The page's own scripts, run by Node.js on texts."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from chatsite.npm_files import FILES
from tests.programs import NODE_MODULES, PROJECT, node


def render_as_the_page(sources: list[str], folder: Path, *arguments: str) -> list[str]:
    """The HTML of each; `open` as an argument: as while more of it comes."""
    scripts = PROJECT / "conversations" / "static" / "conversations"
    shutil.copytree(scripts, folder / "conversations")
    for name, path in FILES.items():
        (folder / "npm" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(NODE_MODULES / path, folder / "npm" / name)
    shutil.copy(Path(__file__).parent / "live.mjs", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    command = [str(node()), "live.mjs", *arguments]
    ended = subprocess.run(command, cwd=folder, input=json.dumps(sources), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    rendered: list[str] = json.loads(ended.stdout)
    return rendered
