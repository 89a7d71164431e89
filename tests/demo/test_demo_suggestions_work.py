"""The four questions of the empty page, asked through the real client and answered with the real tools."""

from pathlib import Path

from django.utils import translation

from conversations.demo import SUGGESTIONS
from tests.demo.dialogue import dialogue_in

SUM_AND_TIME, HAIKU, MARKDOWN, FILES = SUGGESTIONS


async def test_a_sum_and_a_time_are_asked_for_at_once_and_told_in_a_table(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        answer = await dialogue.ask(SUM_AND_TIME)
    assert dialogue.calls == [["calculator", "current_time"]]
    assert "| `1234 * 5678` | **7006652** |" in answer.text
    assert "| Time in Asia/Tokyo | **" in answer.text
    assert r"1234 \times 5678 = 7006652" in answer.text
    assert answer.thinking


async def test_a_haiku_is_written_and_then_read_back(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        answer = await dialogue.ask(HAIKU)
    assert dialogue.calls == [["write_file"], ["read_file"]]
    haiku = (tmp_path / "haiku.txt").read_text()
    assert len(haiku.splitlines()) == 3
    assert haiku in answer.text


async def test_markdown_is_shown_without_any_tool(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        answer = await dialogue.ask(MARKDOWN)
    assert dialogue.calls == []
    for form in ("## ", "| Python", "```python", "> ", "- [x]", "$$", "[^1]:"):
        assert form in answer.text


async def test_files_are_listed_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("four")
    async with dialogue_in(tmp_path) as dialogue:
        answer = await dialogue.ask(FILES)
    assert dialogue.calls == [["list_files"]]
    assert "| `notes.txt` | 4 |" in answer.text


async def test_no_files_are_told_as_none(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        assert "no files" in (await dialogue.ask(FILES)).text


async def test_a_file_that_does_not_exist_is_told_as_it_is(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        answer = await dialogue.ask("read missing.txt")
    assert '"success":false' in dialogue.results[0].replace(" ", "")
    assert "`read_file` did not work" in answer.text


async def test_what_follows_up_is_understood_by_what_came_before(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        await dialogue.ask("What time is it in Tokyo?")
        follow_up = await dialogue.ask("And in Paris?")
        recalled = await dialogue.ask("What did I ask before?")
    assert "Europe/Paris" in follow_up.text
    assert "1. `What time is it in Tokyo?`\n2. `And in Paris?`" in recalled.text


async def test_a_question_in_chinese_is_answered_in_chinese(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        answer = await dialogue.ask("1234乘以5678是多少？东京现在几点？")
    assert dialogue.calls == [["calculator", "current_time"]]
    assert "| `1234 * 5678` | **7006652** |" in answer.text
    assert "演示程序" in answer.text


async def test_every_answer_says_that_no_ai_is_speaking_and_how_to_connect_one(tmp_path: Path) -> None:
    async with dialogue_in(tmp_path) as dialogue:
        for question in (*SUGGESTIONS, "Hello!", "long", "What did I ask?", "read missing.txt"):
            answer = await dialogue.ask(question)
            for part in ("demonstration", "LLM_BASE_URL", "LLM_MODEL", "README"):
                assert part in answer.text, question
            assert "not an AI" in answer.text or "no AI" in answer.text


async def test_they_work_in_chinese_too(tmp_path: Path) -> None:
    with translation.override("zh-hans"):
        questions = [str(translation.gettext(question)) for question in SUGGESTIONS]
    assert not set(questions) & set(SUGGESTIONS)
    async with dialogue_in(tmp_path) as dialogue:
        calls = []
        for question in questions:
            await dialogue.ask(question)
            calls.append(dialogue.calls)
    assert calls == [[["calculator", "current_time"]], [["write_file"], ["read_file"]], [], [["list_files"]]]
