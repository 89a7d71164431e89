"""The HTML of stored messages, before any script runs."""

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
def transcript_html(ada_client: Client, conversation: Conversation) -> Callable[[], str]:
    return lambda: ada_client.get(f"/c/{conversation.pk}/messages/").content.decode()


def test_a_question_is_shown_as_typed(transcript_html: Callable[[], str], add_exchange: Callable[..., Message]) -> None:
    add_exchange("**Is** 1 < 2?\n  <script>alert(1)</script>")
    assert "**Is** 1 &lt; 2?\n  &lt;script&gt;alert(1)&lt;/script&gt;" in transcript_html()


def test_a_page_contains_its_messages_and_the_templates_for_live_ones(
    ada_client: Client, conversation: Conversation, add_exchange: Callable[..., Message]
) -> None:
    add_exchange("Say it", {"type": "text", "content": "So."})
    page = ada_client.get(f"/c/{conversation.pk}/").content.decode()
    assert page.count('<article class="message question"') == 2
    assert page.count('<article class="message answer"') == 2
    assert page.count('data-type="tool_call"') == 1


def test_a_page_is_compressed(
    ada_client: Client, conversation: Conversation, add_exchange: Callable[..., Message]
) -> None:
    add_exchange("Say it", {"type": "text", "content": "So."})
    response = ada_client.get(f"/c/{conversation.pk}/", headers={"accept-encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "So." in gzip.decompress(response.content).decode()
    assert "Accept-Encoding" in response.headers["Vary"]


def test_an_answer_is_formatted(transcript_html: Callable[[], str], add_exchange: Callable[..., Message]) -> None:
    add_exchange("Say it", {"type": "text", "content": "It is **so** <script>alert(1)</script>"})
    shown = transcript_html()
    assert "<strong>so</strong>" in shown
    assert "<script>" not in shown


def test_rendered_html_is_stored_and_reused(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = add_exchange("Say it", {"type": "text", "content": "It is **so**"})
    first = transcript_html()
    assert Step.objects.get(message=answer).html == "<p>It is <strong>so</strong></p>\n"
    monkeypatch.setattr("conversations.web.transcript.render_markdown", lambda text: pytest.fail("rendered again"))
    assert transcript_html() == first


def test_a_very_long_text_is_stored_whole(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    answer = add_exchange("Say it", {"type": "text", "content": "so " * 50_000 + "it ends."})
    assert "it ends." in transcript_html()
    assert "it ends." in (Step.objects.get(message=answer).html or "")


def test_a_streaming_text_is_shown_unformatted_and_not_stored(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    answer = add_exchange("Say it", {"type": "text", "content": "It is **so"}, status="streaming")
    assert "It is **so</div>" in transcript_html()
    assert Step.objects.get(message=answer).html is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3.2, "Thought for 3 s"), (0.1, "Thought for 1 s"), (75, "Thought for 1 min 15 s"), (None, "Thought<")],
)
def test_finished_thinking_is_collapsed_under_its_duration(
    seconds: float | None, words: str, transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("Think", {"type": "thinking", "content": "Hmm & so", "duration": seconds})
    shown = transcript_html()
    assert words in shown
    assert "Hmm &amp; so" in shown
    assert " open>" not in shown


def test_ongoing_thinking_is_expanded(transcript_html: Callable[[], str], add_exchange: Callable[..., Message]) -> None:
    add_exchange("Think", {"type": "thinking", "content": "Hmm"}, status="streaming")
    assert " open>" in transcript_html()
    assert "Thinking…" in transcript_html()


def test_a_tool_call_and_its_result_share_one_card(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("6*7?", CALL, RESULT)
    shown = transcript_html()
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
    result: dict[str, object], state: str, transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("1/0?", CALL, {**RESULT, **result})
    assert f'data-state="{state}"' in transcript_html()


def test_a_failed_call_shows_its_error_message(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("1/0?", CALL, {**RESULT, "success": False, "content": '{"success":false,"error":"Division by zero"}'})
    assert ">Division by zero</pre>" in transcript_html()


def test_an_unfinished_call_is_running_in_a_live_answer_and_stopped_in_a_cancelled_one(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("first", {**CALL, "status": "running"}, status="cancelled")
    assert 'data-state="stopped"' in transcript_html()
    add_exchange("second", {**CALL, "status": "running"}, status="streaming")
    assert 'data-state="running"' in transcript_html()


@pytest.mark.parametrize("text", ["not JSON", '{"half": ', "[" * 100_000, '{"lone": "\\ud800"}', "[" * 900 + "]" * 900])
def test_malformed_arguments_and_results_are_shown(
    text: str, transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("?", {**CALL, "arguments": text}, {**RESULT, "content": text})
    assert "data-step" in transcript_html()


def test_a_retryable_failure_shows_a_message_and_a_retry_button(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("?", status="failed", error_content="LLM request timed out", error_retryable=True)
    shown = transcript_html()
    assert "LLM request timed out" in shown
    assert 'data-part="failure" hidden' not in shown
    assert 'data-part="retry">' in shown


def test_a_failure_message_is_in_the_users_language(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message], ada: User
) -> None:
    add_exchange("?", status="failed", error_code="unreachable", error_content="Unable to connect to LLM service")
    assert "The model's server cannot be reached." in unescape(transcript_html())
    Preferences.objects.update_or_create(user=ada, defaults={"language": "zh-hans"})
    assert "无法连接到模型服务器。" in transcript_html()


def test_a_model_without_tool_support_gets_its_own_message(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("?", status="failed", error_code=NoToolsError.code, error_content=NoToolsError.content)
    assert "Turn tools off, or choose another model." in transcript_html()


def test_an_unknown_error_code_shows_the_stored_message_escaped(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("?", status="failed", error_code="of_tomorrow", error_content="<b>Tomorrow</b>")
    assert "&lt;b&gt;Tomorrow&lt;/b&gt;" in transcript_html()


def test_a_failure_that_is_not_retryable_has_no_retry_button(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("?", status="failed", error_content="The LLM service does not know this model")
    assert 'data-part="retry" hidden>' in transcript_html()


def test_a_truncated_or_stopped_answer_says_so(
    transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    add_exchange("?", finish_reason="length")
    assert "The answer reached its length limit." in transcript_html()
    add_exchange("?", status="cancelled", finish_reason="cancelled")
    assert "You stopped this answer." in transcript_html()


def test_a_single_message_is_rendered_as_in_the_page(
    ada_client: Client, transcript_html: Callable[[], str], add_exchange: Callable[..., Message]
) -> None:
    answer = add_exchange(
        "Say it", {"type": "thinking", "content": "Hmm", "duration": 1}, CALL, RESULT, {"type": "text"}
    )
    alone = ada_client.get(f"/c/{answer.conversation_id}/messages/{answer.pk}/").content.decode()
    assert alone.strip() in transcript_html()


def test_the_first_page_has_the_newest_messages_and_links_to_older_ones(
    ada_client: Client,
    conversation: Conversation,
    transcript_html: Callable[[], str],
    add_exchange: Callable[..., Message],
) -> None:
    for number in range(30):
        add_exchange(f"question {number}.")
    newest = transcript_html()
    assert "question 20." in newest
    assert "question 19." not in newest
    older_link = newest.split('data-older="')[1].split('"')[0]
    older = ada_client.get(older_link).content.decode()
    assert "question 19." in older
    assert "question 0." in older
    assert "question 20." not in older
    assert "data-older" not in older


@pytest.mark.parametrize("address", ["/c/{}/", "/c/{}/messages/"])
def test_an_unknown_cursor_is_a_bad_request(address: str, ada_client: Client, conversation: Conversation) -> None:
    response = ada_client.get(address.format(conversation.pk) + "?before=nonsense")
    assert response.status_code == 400
    assert "cannot be understood" in response.content.decode()
