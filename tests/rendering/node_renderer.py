"""Renders Markdown with the page's own scripts in Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from chatsite.npm_files import FILES
from tests.programs import NODE_MODULES, PROJECT, node


def render_in_node(sources: list[str], folder: Path, *arguments: str) -> list[str]:
    """Returns the HTML of each source; with the argument `open`, as the page renders it while it streams."""
    scripts = PROJECT / "conversations" / "static" / "conversations"
    shutil.copytree(scripts, folder / "conversations")
    for name, path in FILES.items():
        (folder / "npm" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(NODE_MODULES / path, folder / "npm" / name)
    shutil.copy(Path(__file__).parent / "node_renderer.mjs", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    command = [str(node()), "node_renderer.mjs", *arguments]
    completed = subprocess.run(
        command, cwd=folder, input=json.dumps(sources), capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr
    rendered: list[str] = json.loads(completed.stdout)
    return rendered
