"""Editing a question and regenerating an answer make siblings, one of which is on the active branch."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Message
from tests.modelserver import Gate, answer, text
from tests.protocol.talk import Talk, expect_error, gated_answer, invalid_fields, run_notifications, talk

pytestmark = pytest.mark.django_db(transaction=True)

OTHER_PARAMS: dict[str, dict[str, Any]] = {"message.edit": {"text": "R"}, "message.rate": {"rating": 1}}
"""Params that a method requires besides `message_id`."""
INVALID_RATINGS: list[Any] = [2, -2, 0.5, True, "1", None]


def texts_of(messages: list[dict[str, Any]]) -> list[str]:
    return [message["content"]["text"] for message in messages]


def model_request(t: Talk, number: int) -> list[str]:
    """Returns the contents of the messages in a request to the model, without the system prompt."""
    return [m["content"] for m in t.model.requests[number].body["messages"][1:]]


async def complete(t: Talk, method: str, /, **params: Any) -> dict[str, Any]:
    """Calls a method that starts a run, waits until the run is complete, and returns the result."""
    sent = await t.ada.call(method, **params)
    assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
    return sent


async def test_an_edited_question_is_a_sibling_with_its_own_answer() -> None:
    async with talk(answer("A1"), answer("A2"), answer("B2")) as t, t.site.client() as tab:
        first = await t.ask("Q1")
        where = {"conversation_id": first["conversation_id"]}
        second = await t.ask("Q2", **where)
        await tab.call("conversation.subscribe", **where)
        edited = await complete(t, "message.edit", message_id=second["message_id"], text="Q2, better")
        assert edited["conversation_id"] == first["conversation_id"]
        messages = await t.messages(first["conversation_id"])
        assert texts_of(messages) == ["Q1", "A1", "Q2, better", "B2"]
        assert [m["id"] for m in messages[2:]] == [edited["message_id"], edited["assistant_message_id"]]
        assert messages[2]["parent_id"] == first["assistant_message_id"]
        assert messages[2]["siblings"] == [second["message_id"], edited["message_id"]]
        assert messages[3]["siblings"] == [edited["assistant_message_id"]]
        assert model_request(t, 2) == ["Q1", "A1", "Q2, better"]
        await tab.ended(edited["run_id"])
        added = tab.received("message_added")
        assert added == t.ada.received("message_added")[2:] == [{"message": messages[2]}]
        order = [n["method"] for n in tab.notifications if n["method"] in ("message_added", "run_started")]
        assert order == ["message_added", "run_started"]
        leaves = [changed["conversation"]["leaf_message_id"] for changed in tab.received("conversation_changed")]
        assert edited["assistant_message_id"] in leaves


async def test_editing_the_first_question_keeps_the_title() -> None:
    async with talk(answer("A"), answer("B")) as t:
        first = await t.ask("Q")
        edited = await complete(t, "message.edit", message_id=first["message_id"], text="R")
        messages = await t.messages(first["conversation_id"])
        assert texts_of(messages) == ["R", "B"]
        assert (messages[0]["parent_id"], messages[0]["siblings"]) == (
            None,
            [first["message_id"], edited["message_id"]],
        )
        assert model_request(t, 1) == ["R"]
        got = await t.ada.call("conversation.get", conversation_id=first["conversation_id"])
        assert got["conversation"]["title"] == "Q"
        assert t.ada.received("done")[1]["suggested_title"] is None


async def test_a_regenerated_answer_is_a_sibling_and_adds_no_question() -> None:
    async with talk(answer("A1"), answer("B1"), answer("B2"), LLM_MODELS=("test-model", "other-model")) as t:
        first = await t.ask("Q1")
        where = {"conversation_id": first["conversation_id"]}
        again = await complete(t, "message.regenerate", message_id=first["assistant_message_id"], model="other-model")
        assert again["message_id"] == first["message_id"]
        assert again["assistant_message_id"] != first["assistant_message_id"]
        messages = await t.messages(first["conversation_id"])
        assert texts_of(messages) == ["Q1", "B1"]
        assert messages[1]["siblings"] == [first["assistant_message_id"], again["assistant_message_id"]]
        assert messages[1]["model"] == t.model.requests[1].body["model"] == "other-model"
        assert model_request(t, 1) == ["Q1"]
        assert len(t.ada.received("message_added")) == 1
        assert t.ada.received("run_started")[1]["user_message_id"] == first["message_id"]
        await t.ask("Q2", **where)
        assert model_request(t, 2) == ["Q1", "B1", "Q2"]
        assert t.model.requests[2].body["model"] == "test-model"


async def test_edit_and_regenerate_take_run_options() -> None:
    async with talk(answer("A")) as t:
        first = await t.ask("Q")
        await complete(t, "message.edit", message_id=first["message_id"], text="R", tools_enabled=False)
        await complete(t, "message.regenerate", message_id=first["assistant_message_id"], tool_choice="none")
        assert "tools" not in t.model.requests[1].body
        assert t.model.requests[2].body["tool_choice"] == "none"


async def test_a_repeated_request_id_makes_one_version() -> None:
    async with talk(answer("A")) as t:
        first = await t.ask("Q")
        regenerate = {"message_id": first["assistant_message_id"], "request_id": "one"}
        edit = {"message_id": first["message_id"], "text": "R", "request_id": "two"}
        for method, params in (("message.regenerate", regenerate), ("message.edit", edit)):
            created = await complete(t, method, **params)
            assert await t.ada.call(method, **params) == created
            assert run_notifications(t.ada, created["run_id"]).count("run_started") == 1
        assert len(t.model.requests) == 3
        assert await invalid_fields(t.ada, "message.edit", **(edit | {"text": "S"})) == {"request_id"}
        assert await invalid_fields(t.ada, "message.edit", **(edit | {"request_id": "one"})) == {"request_id"}


async def test_edit_and_regenerate_are_refused_while_a_run_is_live() -> None:
    gate = Gate()
    async with talk(answer("A"), gated_answer(gate)) as t:
        first = await t.ask("Q1")
        second = await t.ada.call("message.send", text="Q2", conversation_id=first["conversation_id"])
        for message in (first, second):
            edit = await expect_error(t.ada, "message.edit", message_id=message["message_id"], text="R")
            regenerate = await expect_error(t.ada, "message.regenerate", message_id=message["assistant_message_id"])
            assert edit.data == regenerate.data == {"code": "run_active"}
        assert await Message.objects.acount() == 4
        gate.open()
        await t.ada.ended(second["run_id"])


async def test_only_questions_can_be_edited_and_only_answers_can_be_regenerated() -> None:
    async with talk(answer("A")) as t, t.site.client("bob") as bob:
        sent = await t.ask("Q")
        wrong = {"message_id": sent["assistant_message_id"], "text": "R"}
        assert await invalid_fields(t.ada, "message.edit", **wrong) == {"message_id"}
        assert await invalid_fields(t.ada, "message.regenerate", message_id=sent["message_id"]) == {"message_id"}
        edit = {"message_id": sent["message_id"], "text": "R"}
        for params in (edit | {"text": " "}, edit | {"text": "\0"}, edit | {"text": "x" * 200_001}):
            assert await invalid_fields(t.ada, "message.edit", **params) == {"text"}
        assert await invalid_fields(t.ada, "message.edit", message_id=sent["message_id"]) == {"text"}
        assert await invalid_fields(t.ada, "message.edit", **edit, model="no-such-model") == {"model"}
        assert await invalid_fields(t.ada, "message.edit", **edit, parent_id=None) == {"parent_id"}
        for client, message_id in ((bob, sent["message_id"]), (bob, "nowhere"), (t.ada, sent["conversation_id"])):
            for method in ("message.edit", "message.regenerate", "message.select", "message.rate"):
                error = await expect_error(client, method, message_id=message_id, **OTHER_PARAMS.get(method, {}))
                assert (error.code, error.data) == (-32000, {"code": "not_found"}), method
        assert await Message.objects.acount() == 2
        assert len(t.model.requests) == 1


async def test_selecting_a_message_activates_its_newest_branch() -> None:
    async with talk(*(answer(name) for name in ("A1", "A2", "B1", "B2", "C2"))) as t, t.site.client() as tab:
        first = await t.ask("Q1")
        where = {"conversation_id": first["conversation_id"]}
        await t.ask("Q2", **where)
        again = await complete(t, "message.regenerate", message_id=first["assistant_message_id"])
        continued = await t.ask("R2", **where)
        assert texts_of(await t.messages(first["conversation_id"])) == ["Q1", "B1", "R2", "B2"]
        selected = await t.ada.call("message.select", message_id=first["assistant_message_id"])
        assert texts_of(selected["messages"]) == ["Q1", "A1", "Q2", "A2"]
        assert selected["messages"][1]["siblings"] == [first["assistant_message_id"], again["assistant_message_id"]]
        assert selected == await t.ada.call("conversation.get", **where)
        assert (selected["previous_cursor"], selected["run"]) == (None, None)
        await tab.until("conversation_changed", conversation=selected["conversation"])
        back = await t.ada.call("message.select", message_id=continued["message_id"])
        assert texts_of(back["messages"]) == ["Q1", "B1", "R2", "B2"]
        for shown in back["messages"]:
            assert await t.ada.call("message.select", message_id=shown["id"]) == back
        await complete(t, "message.regenerate", message_id=continued["assistant_message_id"])
        newest = await t.ada.call("message.select", message_id=again["assistant_message_id"])
        assert texts_of(newest["messages"]) == ["Q1", "B1", "R2", "C2"]


async def test_the_next_question_continues_the_selected_branch() -> None:
    async with talk(answer("A"), answer("B"), answer("A2")) as t:
        first = await t.ask("Q")
        await complete(t, "message.regenerate", message_id=first["assistant_message_id"])
        await t.ada.call("message.select", message_id=first["assistant_message_id"])
        await t.ask("And?", conversation_id=first["conversation_id"])
        assert model_request(t, 2) == ["Q", "A", "And?"]
        assert texts_of(await t.messages(first["conversation_id"])) == ["Q", "A", "And?", "A2"]


async def test_another_branch_can_be_selected_while_a_run_is_live() -> None:
    gate = Gate()
    async with talk(answer("A"), gated_answer(gate)) as t:
        first = await t.ask("Q")
        again = await t.ada.call("message.regenerate", message_id=first["assistant_message_id"])
        await t.ada.until("process_step", run_id=again["run_id"])
        selected = await t.ada.call("message.select", message_id=first["assistant_message_id"])
        assert texts_of(selected["messages"]) == ["Q", "A"]
        assert selected["run"]["id"] == selected["conversation"]["run_id"] == again["run_id"]
        gate.open()
        assert (await t.ada.ended(again["run_id"]))["params"]["status"] == "complete"
        assert texts_of(await t.messages(first["conversation_id"])) == ["Q", "A"]
        shown = await t.ada.call("message.select", message_id=again["assistant_message_id"])
        assert texts_of(shown["messages"]) == ["Q", "Hello"]


async def test_selecting_a_live_answer_returns_its_text_so_far() -> None:
    gate = Gate()
    async with talk(answer("A"), gated_answer(gate, text(""))) as t:
        first = await t.ask("Q")
        again = await t.ada.call("message.regenerate", message_id=first["assistant_message_id"])
        await t.ada.until("process_step", run_id=again["run_id"])
        await t.ada.call("message.select", message_id=first["assistant_message_id"])
        live = await t.ada.call("message.select", message_id=again["assistant_message_id"])
        assert texts_of(live["messages"]) == ["Q", "Hel"]
        assert live["messages"][1]["status"] == "streaming"
        gate.open()
        await t.ada.ended(again["run_id"])


async def test_a_rating_can_be_set_changed_and_removed() -> None:
    async with talk(answer("A")) as t:
        sent = await t.ask("Q")
        which = {"message_id": sent["assistant_message_id"]}
        for rating in (1, -1, 0):
            assert await t.ada.call("message.rate", **which, rating=rating) == {}
            assert (await t.messages(sent["conversation_id"]))[1]["rating"] == rating
        await t.ada.call("message.rate", **which, rating=-1, comment="Wrong é😀")
        await t.ada.call("message.rate", **which, rating=1, comment=None)
        stored = await Message.objects.aget(pk=sent["assistant_message_id"])
        assert (stored.rating, stored.rating_comment) == (1, "Wrong é😀")
        await t.ada.call("message.rate", **which, rating=1, comment="")
        assert (await Message.objects.aget(pk=sent["assistant_message_id"])).rating_comment == ""
        for rating in INVALID_RATINGS:
            assert await invalid_fields(t.ada, "message.rate", **which, rating=rating) == {"rating"}
        assert await invalid_fields(t.ada, "message.rate", **which) == {"rating"}
        for comment in ("a\0", "\ud800", "x" * 10_001, 5):
            assert await invalid_fields(t.ada, "message.rate", **which, rating=1, comment=comment) == {"comment"}
