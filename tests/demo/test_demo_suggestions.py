"""The suggestions of the empty page, asked through the real client and answered with the real tools."""

import re
from pathlib import Path

from django.utils import translation

from conversations.demo import SUGGESTIONS
from tests.demo.dialogue import open_dialogue

SUM_AND_TIME, HAIKU, MARKDOWN, FILES = SUGGESTIONS


async def test_a_calculation_and_a_time_are_requested_in_parallel(tmp_path: Path) -> None:
    async with open_dialogue(tmp_path) as dialogue:
        answer = await dialogue.ask(SUM_AND_TIME)
    assert dialogue.calls == [["calculator", "current_time"]]
    assert "`1234 * 5678` = **7006652**" in answer.text
    assert re.search(r"Time in Asia/Tokyo: \*\*\d\d:\d\d\*\*, \w+day \d{4}-\d\d-\d\d", answer.text)
    assert answer.thinking


async def test_a_haiku_is_written_and_then_read_back(tmp_path: Path) -> None:
    async with open_dialogue(tmp_path) as dialogue:
        answer = await dialogue.ask(HAIKU)
    assert dialogue.calls == [["write_file"], ["read_file"]]
    haiku = (tmp_path / "haiku.txt").read_text()
    assert len(haiku.splitlines()) == 3
    assert haiku in answer.text


async def test_markdown_is_shown_without_tools(tmp_path: Path) -> None:
    async with open_dialogue(tmp_path) as dialogue:
        answer = await dialogue.ask(MARKDOWN)
    assert dialogue.calls == []
    for form in ("## ", "| Python", "```python", "> ", "- [x]", "$$", "[^1]:"):
        assert form in answer.text


async def test_files_are_listed_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("four")
    (tmp_path / "a|b`c").mkdir()
    async with open_dialogue(tmp_path) as dialogue:
        answer = await dialogue.ask(FILES)
    assert dialogue.calls == [["list_files"]]
    assert "| `notes.txt` | 4 |" in answer.text
    assert r"| `a\|b'c` |  |" in answer.text


async def test_an_empty_file_list_is_reported(tmp_path: Path) -> None:
    async with open_dialogue(tmp_path) as dialogue:
        assert "no files" in (await dialogue.ask(FILES)).text


async def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    async with open_dialogue(tmp_path) as dialogue:
        answer = await dialogue.ask("read missing.txt")
    assert '"success":false' in dialogue.results[0].replace(" ", "")
    assert "`read_file` failed: `" in answer.text


async def test_a_question_in_chinese_is_answered_in_chinese(tmp_path: Path) -> None:
    async with open_dialogue(tmp_path) as dialogue:
        answer = await dialogue.ask("1234乘以5678是多少？东京现在几点？")
    assert dialogue.calls == [["calculator", "current_time"]]
    assert "`1234 * 5678` = **7006652**" in answer.text
    assert "Asia/Tokyo 的时间" in answer.text
    assert "演示模型，不是人工智能" in answer.text


async def test_every_answer_says_that_it_is_not_an_ai_and_how_to_connect_a_model(tmp_path: Path) -> None:
    async with open_dialogue(tmp_path) as dialogue:
        for question in (*SUGGESTIONS, "Hello!", "Who was Ada Lovelace?", "read missing.txt"):
            answer = await dialogue.ask(question)
            for part in ("demo model", "not an AI", "LLM_BASE_URL", "LLM_MODEL", "README"):
                assert part in answer.text, question


async def test_any_other_question_is_answered_with_the_list_of_suggestions(tmp_path: Path) -> None:
    with translation.override("zh-hans"):
        chinese = [str(translation.gettext(question)) for question in SUGGESTIONS]
    async with open_dialogue(tmp_path) as dialogue:
        for question, suggestions in (("Who was Ada Lovelace?", SUGGESTIONS), ("你好", chinese)):
            answer = await dialogue.ask(question)
            assert dialogue.calls == []
            assert all(f"- {suggestion}\n" in answer.text for suggestion in suggestions)


async def test_the_suggestions_work_in_chinese(tmp_path: Path) -> None:
    with translation.override("zh-hans"):
        questions = [str(translation.gettext(question)) for question in SUGGESTIONS]
    assert not set(questions) & set(SUGGESTIONS)
    async with open_dialogue(tmp_path) as dialogue:
        calls = []
        for question in questions:
            await dialogue.ask(question)
            calls.append(dialogue.calls)
    assert calls == [[["calculator", "current_time"]], [["write_file"], ["read_file"]], [], [["list_files"]]]
