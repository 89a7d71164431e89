"""Which calls are found in a question."""

import pytest

from conversations.demo.places import find_zones
from conversations.demo.sums import find_expressions
from conversations.demo.wishes import Wish, find_stages


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("what is 12*34", ["12*34"]),
        ("3 + 4", ["3 + 4"]),
        ("12 plus 7 times 3, please", ["12 + 7 * 3"]),
        ("15% of 80", ["15% * 80"]),
        ("the square root of 2", ["sqrt(2)"]),
        ("9 squared and 2^10", ["9 ** 2", "2^10"]),
        ("(1+2)*(3+4) = ?", ["(1+2)*(3+4)"]),
        ("what is sqrt(16) + 1 and log10(100)?", ["sqrt(16) + 1", "log10(100)"]),
        ("1,234,567 * 2, 3 + 4", ["1,234,567 * 2", "3 + 4"]),
        ("what is 5!", ["5!"]),
        ("what is 10 - 3", ["10 - 3"]),
        ("-2 + 3", ["-2 + 3"]),
        ("- a\n- 2 + 3", ["2 + 3"]),
        ("100除以7", ["100 / 7"]),
        ("read pages 3-4", []),
        ("it was on 2024-01-05", []),
        ("what happened on 2024-01-05?", []),
        ("call 555-1234", []),
        ("what is C++", []),
        ("a * b", []),
        ("I have 5 apples!", []),
        ("what is ((1+2)", []),
    ],
)
def test_a_sum_is_found_where_one_is_meant(text: str, expressions: list[str]) -> None:
    assert find_expressions(text) == expressions


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("time in New York and São Paulo", ["America/New_York", "America/Sao_Paulo"]),
        ("Tokyo, tokyo, TOKYO", ["Asia/Tokyo"]),
        ("in Asia/Kolkata", ["Asia/Kolkata"]),
        ("东京和北京现在几点", ["Asia/Tokyo", "Asia/Shanghai"]),
        ("how late is it in Ho Chi Minh", ["Asia/Ho_Chi_Minh"]),
        ("go north and west", []),
    ],
)
def test_places_are_known_by_the_names_that_people_use(text: str, zones: list[str]) -> None:
    assert find_zones(text) == zones


@pytest.mark.parametrize(
    ("question", "stages"),
    [
        ("what time is it?", [[Wish("current_time")]]),
        ("read notes.txt", [[Wish("read_file", {"path": "notes.txt"})]]),
        ("show `src/main.py`", [[Wish("read_file", {"path": "src/main.py"})]]),
        ("write hello world to file a.txt", [[Wish("write_file", {"path": "a.txt", "content": "hello world\n"})]]),
        ("create notes.md with buy milk", [[Wish("write_file", {"path": "notes.md", "content": "buy milk\n"})]]),
        (
            'Save "x = 1" to main.py and list the files',
            [[Wish("write_file", {"path": "main.py", "content": "x = 1\n"})], [Wish("list_files")]],
        ),
        (
            "把“你好”写到 hello.txt，再读出来",
            [
                [Wish("write_file", {"path": "hello.txt", "content": "你好\n"})],
                [Wish("read_file", {"path": "hello.txt"})],
            ],
        ),
        ("把你好写到文件 hello.txt", [[Wish("write_file", {"path": "hello.txt", "content": "你好\n"})]]),
        ("列出文件", [[Wish("list_files")]]),
        ("hello", []),
        ("", []),
    ],
)
def test_calls_that_need_a_written_file_come_after_it(question: str, stages: list[list[Wish]]) -> None:
    assert find_stages(question) == stages


def test_it_is_the_file_that_was_named_last() -> None:
    earlier = ["write a to one.txt", "write b to two.txt"]
    assert find_stages("read it back", earlier) == [[Wish("read_file", {"path": "two.txt"})]]


def test_a_poem_about_a_topic_is_named_after_it() -> None:
    [[wish]] = find_stages("write a haiku about autumn leaves to leaves.txt")
    assert str(wish.arguments["content"]).startswith("Autumn leaves\n\n")
