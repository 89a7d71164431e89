"""The demo model finds tool calls in a question."""

import pytest

from conversations.demo.intents import Intent, find_stages


def arguments_of(question: str, tool: str) -> list[str]:
    """Returns the single argument of each call of this tool."""
    calls = [call for stage in find_stages(question) for call in stage if call.tool == tool]
    return [argument for call in calls for argument in call.arguments.values()]


@pytest.mark.parametrize(
    ("question", "expressions"),
    [
        ("what is 12*34", ["12*34"]),
        ("3 + 4", ["3 + 4"]),
        ("7-3", ["7-3"]),
        ("What is 7-3?", ["7-3"]),
        ("7-3等于多少？", ["7-3"]),
        ("5!", ["5!"]),
        ("12 plus 7 times 3, please", ["12 + 7 * 3"]),
        ("(1+2)*(3+4) = ?", ["(1+2)*(3+4)"]),
        ("what is sqrt(16) + 1 and log10(100)?", ["sqrt(16) + 1", "log10(100)"]),
        ("what is 1,234,567 * 2 and 3 + 4", ["1,234,567 * 2", "3 + 4"]),
        ("what is 10 - 3", ["10 - 3"]),
        ("-2 + 3", ["-2 + 3"]),
        ("- a\n- 2 + 3", ["2 + 3"]),
        ("100除以7", ["100 / 7"]),
        ("read pages 3-4", []),
        ("what happened on 2024-01-05?", []),
        ("call 555-1234", []),
        ("what is C++", []),
        ("<script>alert(1)</script>", []),
        ("a * b", []),
        ("I have 5 apples!", []),
    ],
)
def test_arithmetic_is_found(question: str, expressions: list[str]) -> None:
    assert arguments_of(question, "calculator") == expressions


@pytest.mark.parametrize(
    ("question", "zones"),
    [
        ("what time is it?", ["UTC"]),
        ("What time is it in New York and Sao Paulo?", ["America/New_York", "America/Sao_Paulo"]),
        ("time in Tokyo, tokyo, TOKYO", ["Asia/Tokyo"]),
        ("What is the time in Asia/Kolkata?", ["Asia/Kolkata"]),
        ("东京和北京现在几点", ["Asia/Tokyo", "Asia/Shanghai"]),
        ("I like Tokyo", []),
    ],
)
def test_the_time_zones_of_named_cities_are_found(question: str, zones: list[str]) -> None:
    assert arguments_of(question, "current_time") == zones


@pytest.mark.parametrize(
    ("question", "stages"),
    [
        ("read notes.txt", [[Intent("read_file", {"path": "notes.txt"})]]),
        ("show `src/main.py`", [[Intent("read_file", {"path": "src/main.py"})]]),
        ("write hello world to file a.txt", [[Intent("write_file", {"path": "a.txt", "content": "hello world\n"})]]),
        (
            'Save "x = 1" to main.py and list the files',
            [[Intent("write_file", {"path": "main.py", "content": "x = 1\n"})], [Intent("list_files", {})]],
        ),
        (
            "把“你好”写到 hello.txt，再读出来",
            [
                [Intent("write_file", {"path": "hello.txt", "content": "你好\n"})],
                [Intent("read_file", {"path": "hello.txt"})],
            ],
        ),
        ("把你好写到文件 hello.txt", [[Intent("write_file", {"path": "hello.txt", "content": "你好\n"})]]),
        ("列出文件", [[Intent("list_files", {})]]),
        ("hello", []),
        ("", []),
    ],
)
def test_calls_that_depend_on_a_write_come_after_it(question: str, stages: list[list[Intent]]) -> None:
    assert find_stages(question) == stages
