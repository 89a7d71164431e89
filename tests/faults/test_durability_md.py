"""docs/durability.md promises nothing that no test holds."""

from __future__ import annotations

import ast
import re

import pytest

from tests.faults.process import PROJECT

TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PAGE = (PROJECT / "docs" / "durability.md").read_text()
PROMISED, NOT_PROMISED = PAGE.split("## What is not promised")
PROMISES = re.findall(r"^- .+(?:\n  .+)*", PROMISED, re.MULTILINE)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[2:40])
def test_each_promise_names_tests_that_exist(promise: str) -> None:
    named = TEST.findall(promise)
    assert named
    for path, name in named:
        module = ast.parse((PROJECT / path).read_text())
        tests = [node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert name in tests


def test_what_is_not_promised_is_said() -> None:
    assert re.findall(r"^- \*.+\*", NOT_PROMISED, re.MULTILINE)
