"""What the page shows of stored messages, before any script runs."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from accounts.models import Preferences, User
from conversations.llm.errors import NoToolsError
from conversations.models import Conversation, Message, Step

CALL = {
    "type": "tool_call",
    "id_ref": "call-1",
    "name": "calculator",
    "arguments": '{"expression":"6*7"}',
    "status": "finished",
}
RESULT = {
    "type": "tool_result",
    "id_ref": "call-1",
    "name": "calculator",
    "content": '{"success":true,"result":"42","execution_time":0.012}',
    "success": True,
    "execution_time": 0.012,
}


@pytest.fixture
def read(member: Client, conversation: Conversation) -> Callable[[], str]:
    return lambda: member.get(f"/c/{conversation.pk}/messages/").content.decode()


def test_a_question_is_shown_as_typed(read: Callable[[], str], ask: Callable[..., Message]) -> None:
    ask("**Is** 1 < 2?\n  <script>alert(1)</script>")
    assert "**Is** 1 &lt; 2?\n  &lt;script&gt;alert(1)&lt;/script&gt;" in read()


def test_a_page_contains_its_messages_and_the_templates_for_live_ones(
    member: Client, conversation: Conversation, ask: Callable[..., Message]
) -> None:
    ask("Say it", {"type": "text", "content": "So."})
    page = member.get(f"/c/{conversation.pk}/").content.decode()
    assert page.count('<article class="message question"') == 2
    assert page.count('<article class="message answer"') == 2
    assert page.count('data-type="tool_call"') == 1


def test_a_page_is_compressed(member: Client, conversation: Conversation, ask: Callable[..., Message]) -> None:
    ask("Say it", {"type": "text", "content": "So."})
    response = member.get(f"/c/{conversation.pk}/", headers={"accept-encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "So." in gzip.decompress(response.content).decode()
    assert "Accept-Encoding" in response.headers["Vary"]


def test_an_answer_is_formatted(read: Callable[[], str], ask: Callable[..., Message]) -> None:
    ask("Say it", {"type": "text", "content": "It is **so** <script>alert(1)</script>"})
    shown = read()
    assert "<strong>so</strong>" in shown
    assert "<script>" not in shown


def test_rendered_html_is_stored_and_reused(
    read: Callable[[], str], ask: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask("Say it", {"type": "text", "content": "It is **so**"})
    first = read()
    assert Step.objects.get(message=answer).html == "<p>It is <strong>so</strong></p>\n"
    monkeypatch.setattr("conversations.web.transcript.render_markdown", lambda text: pytest.fail("rendered again"))
    assert read() == first


def test_a_very_long_text_is_stored_whole(read: Callable[[], str], ask: Callable[..., Message]) -> None:
    answer = ask("Say it", {"type": "text", "content": "so " * 50_000 + "it ends."})
    assert "it ends." in read()
    assert "it ends." in (Step.objects.get(message=answer).html or "")


def test_a_streaming_text_is_shown_unformatted_and_not_stored(
    read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    answer = ask("Say it", {"type": "text", "content": "It is **so"}, status="streaming")
    assert "It is **so</div>" in read()
    assert Step.objects.get(message=answer).html is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3.2, "Thought for 3 s"), (0.1, "Thought for 1 s"), (75, "Thought for 1 min 15 s"), (None, "Thought<")],
)
def test_finished_thinking_is_collapsed_under_its_duration(
    seconds: float | None, words: str, read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("Think", {"type": "thinking", "content": "Hmm & so", "duration": seconds})
    shown = read()
    assert words in shown
    assert "Hmm &amp; so" in shown
    assert " open>" not in shown


def test_ongoing_thinking_is_expanded(read: Callable[[], str], ask: Callable[..., Message]) -> None:
    ask("Think", {"type": "thinking", "content": "Hmm"}, status="streaming")
    assert " open>" in read()
    assert "Thinking…" in read()


def test_a_tool_call_and_its_result_share_one_card(read: Callable[[], str], ask: Callable[..., Message]) -> None:
    ask("6*7?", CALL, RESULT)
    shown = read()
    assert shown.count("<details") == 1
    assert 'data-state="finished"' in shown
    assert ">6*7<" in shown
    assert '{\n  "expression": "6*7"\n}' in unescape(shown)
    assert ">42</pre>" in shown
    assert ">12 ms<" in shown


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ({"success": False, "content": '{"success":false,"error":"Division by zero"}'}, "failed"),
        ({"skipped": True}, "skipped"),
    ],
)
def test_a_card_shows_how_its_call_ended(
    result: dict[str, object], state: str, read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("1/0?", CALL, {**RESULT, **result})
    assert f'data-state="{state}"' in read()


def test_a_failed_call_shows_its_error_message(read: Callable[[], str], ask: Callable[..., Message]) -> None:
    ask("1/0?", CALL, {**RESULT, "success": False, "content": '{"success":false,"error":"Division by zero"}'})
    assert ">Division by zero</pre>" in read()


def test_an_unfinished_call_is_running_in_a_live_answer_and_stopped_in_a_cancelled_one(
    read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("first", {**CALL, "status": "running"}, status="cancelled")
    assert 'data-state="stopped"' in read()
    ask("second", {**CALL, "status": "running"}, status="streaming")
    assert 'data-state="running"' in read()


@pytest.mark.parametrize("text", ["not JSON", '{"half": ', "[" * 100_000, '{"lone": "\\ud800"}', "[" * 900 + "]" * 900])
def test_malformed_arguments_and_results_are_shown(
    text: str, read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("?", {**CALL, "arguments": text}, {**RESULT, "content": text})
    assert "data-step" in read()


def test_a_retryable_failure_shows_a_message_and_a_retry_button(
    read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("?", status="failed", error_content="LLM request timed out", error_retryable=True)
    shown = read()
    assert "LLM request timed out" in shown
    assert 'data-part="failure" hidden' not in shown
    assert 'data-part="retry">' in shown


def test_a_failure_message_is_in_the_users_language(
    read: Callable[[], str], ask: Callable[..., Message], ada: User
) -> None:
    ask("?", status="failed", error_code="unreachable", error_content="Unable to connect to LLM service")
    assert "The model's server cannot be reached." in unescape(read())
    Preferences.objects.update_or_create(user=ada, defaults={"language": "zh-hans"})
    assert "无法连接到模型服务器。" in read()


def test_a_model_without_tool_support_gets_its_own_message(
    read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("?", status="failed", error_code=NoToolsError.code, error_content=NoToolsError.content)
    assert "Turn tools off, or choose another model." in read()


def test_an_unknown_error_code_shows_the_stored_message_escaped(
    read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("?", status="failed", error_code="of_tomorrow", error_content="<b>Tomorrow</b>")
    assert "&lt;b&gt;Tomorrow&lt;/b&gt;" in read()


def test_a_failure_that_is_not_retryable_has_no_retry_button(
    read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    ask("?", status="failed", error_content="The LLM service does not know this model")
    assert 'data-part="retry" hidden>' in read()


def test_a_truncated_or_stopped_answer_says_so(read: Callable[[], str], ask: Callable[..., Message]) -> None:
    ask("?", finish_reason="length")
    assert "The answer reached its length limit." in read()
    ask("?", status="cancelled", finish_reason="cancelled")
    assert "You stopped this answer." in read()


def test_a_single_message_is_rendered_as_in_the_page(
    member: Client, read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    answer = ask("Say it", {"type": "thinking", "content": "Hmm", "duration": 1}, CALL, RESULT, {"type": "text"})
    alone = member.get(f"/c/{answer.conversation_id}/messages/{answer.pk}/").content.decode()
    assert alone.strip() in read()


def test_the_first_page_has_the_newest_messages_and_links_to_older_ones(
    member: Client, conversation: Conversation, read: Callable[[], str], ask: Callable[..., Message]
) -> None:
    for number in range(30):
        ask(f"question {number}.")
    newest = read()
    assert "question 20." in newest
    assert "question 19." not in newest
    older_link = newest.split('data-older="')[1].split('"')[0]
    older = member.get(older_link).content.decode()
    assert "question 19." in older
    assert "question 0." in older
    assert "question 20." not in older
    assert "data-older" not in older


@pytest.mark.parametrize("address", ["/c/{}/", "/c/{}/messages/"])
def test_an_unknown_cursor_is_a_bad_request(address: str, member: Client, conversation: Conversation) -> None:
    response = member.get(address.format(conversation.pk) + "?before=nonsense")
    assert response.status_code == 400
    assert "cannot be understood" in response.content.decode()
