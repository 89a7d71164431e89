from __future__ import annotations

import re
import sys

import pytest

from tests.clone import PROJECT, Clone, read_until_ready

README = (PROJECT / "README.md").read_text()


@pytest.mark.slow
def test_the_example_program_prints_the_steps_of_an_answer(installed: Clone) -> None:
    found = re.search(r"```python\n(.+?)```", README, re.DOTALL)
    assert found
    with installed.started(PORT="0") as server:
        _, address = read_until_ready(server)
        assert "export TOKEN=$(.venv/bin/python manage.py create_token robot --create)" in README
        made = installed.run(".venv/bin/python", "manage.py", "create_token", "robot", "--create")
        program = found[1].replace("ws://127.0.0.1:8000/", address.replace("http", "ws"))
        ended = installed.run(sys.executable, "-c", program, TOKEN=made.stdout.strip())
    assert ended.returncode == 0, ended.stderr
    assert "[tool_call] calculator" in ended.stdout
    assert "[text]" in ended.stdout
    assert "391" in ended.stdout


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (PROJECT / target).exists(), target
