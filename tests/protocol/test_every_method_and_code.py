"""Every method, notification, error code and close code of docs/protocol.md is exercised by a test that is named here.

A test exercises a name that is written in it, or in what it uses of its file.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROTOCOL = (HERE.parent.parent / "docs" / "protocol.md").read_text()

METHODS = {
    "conversation.create": "test_a_request_id_makes_it_happen_once::test_a_conversation_is_made_once",
    "conversation.list": "test_lists::test_pages_follow_each_other_without_gap_or_repetition",
    "conversation.get": "test_pages_of_a_conversation::test_pages_lead_from_the_newest_to_the_oldest",
    "conversation.update": "test_changing_a_conversation::test_each_field_is_set_alone_and_every_connection_is_told",
    "conversation.delete": "test_deleting_a_conversation::test_a_live_run_ends_first",
    "conversation.subscribe": "test_following_a_run::test_one_who_comes_in_the_middle_gets_what_was_then_the_rest",
    "conversation.unsubscribe": "test_following_a_run::test_one_who_unsubscribes_is_told_nothing_more",
    "message.send": "test_following_a_run::test_subscribing_twice_changes_nothing",
    "message.edit": "test_versions::test_an_edited_question_is_a_sibling_answered_anew",
    "message.regenerate": "test_versions::test_an_answer_made_again_is_a_sibling_and_no_question_is_added",
    "message.select": "test_versions::test_selecting_a_message_shows_its_branch_to_the_newest_behind_it",
    "step.get": "test_large_steps::test_pieces_put_together_give_the_whole_while_it_is_made_and_after",
    "message.rate": "test_versions::test_a_rating_is_set_changed_and_taken_back",
    "run.cancel": "test_cancelling::test_cancelling_from_another_connection_keeps_what_there_is",
    "project.create": "test_branches::test_a_new_conversation_keeps_its_project",
    "project.list": "test_lists::test_projects_come_newest_first_in_pages",
    "models.list": "test_lists::test_models_are_those_that_are_set_the_first_being_the_default",
    "tools.list": "test_lists::test_tools_are_listed_with_their_schemas",
    "flow.start": "test_flow_control::test_an_answer_larger_than_the_window_comes_alone",
    "flow.ack": "test_flow_control::test_an_acknowledgement_needs_no_start_and_no_id_and_may_have_one",
}
NOTIFICATIONS = {
    "message_added": "test_following_a_run::test_a_second_tab_sees_the_question_and_the_answer",
    "run_started": "test_following_a_run::test_a_second_tab_sees_the_question_and_the_answer",
    "process_step": "test_large_steps::test_a_large_result_of_a_tool_comes_as_its_first_part_and_deltas",
    "step_delta": "test_large_steps::test_a_large_result_of_a_tool_comes_as_its_first_part_and_deltas",
    "steps_reset": "test_thinking_that_is_known_late::test_steps_reset_then_a_thinking_step_then_the_text",
    "done": "test_cancelling::test_cancelling_from_another_connection_keeps_what_there_is",
    "error": "test_errors_of_the_model::test_each_failure_has_its_code",
    "conversation_changed": "test_changing_a_conversation::test_each_field_is_set_alone_and_every_connection_is_told",
    "conversation_deleted": "test_deleting_a_conversation::test_it_is_gone_and_every_connection_is_told",
}
ERRORS = {
    "-32700": "test_frames_that_are_no_requests::test_each_wrong_frame_gets_its_error_and_the_connection_goes_on",
    "-32600": "test_frames_that_are_no_requests::test_each_wrong_frame_gets_its_error_and_the_connection_goes_on",
    "-32601": "test_frames_that_are_no_requests::test_each_wrong_frame_gets_its_error_and_the_connection_goes_on",
    "-32602": "test_params_are_checked::test_names_that_the_client_made_up_are_given_back_in_a_small_frame",
    "-32603": "test_failures_of_the_server::test_a_method_that_fails_is_an_internal_error_and_the_connection_goes_on",
    "-32000": "test_what_belongs_to_others::test_what_belongs_to_somebody_else_is_not_found_as_what_never_was",
    "not_found": "test_what_belongs_to_others::test_what_belongs_to_somebody_else_is_not_found_as_what_never_was",
    "run_active": "test_one_live_run_and_so_many_in_all::test_a_conversation_that_is_being_answered_takes_no_question",
    "rate_limited": "test_one_live_run_and_so_many_in_all::test_a_person_has_so_many_live_runs",
    "unavailable": "test_why_a_connection_ends::test_while_it_stops_a_question_is_refused_as_unavailable",
}
RUN_ERRORS = {
    "unreachable": "test_errors_of_the_model::test_a_server_that_cannot_be_reached",
    "timeout": "test_errors_of_the_model::test_a_server_that_is_too_slow",
    "rate_limited": "test_errors_of_the_model::test_each_failure_has_its_code",
    "unavailable": "test_errors_of_the_model::test_each_failure_has_its_code",
    "rejected_key": "test_errors_of_the_model::test_each_failure_has_its_code",
    "unknown_model": "test_errors_of_the_model::test_each_failure_has_its_code",
    "context_too_long": "test_errors_of_the_model::test_each_failure_has_its_code",
    "refused": "test_errors_of_the_model::test_each_failure_has_its_code",
    "malformed": "test_errors_of_the_model::test_each_failure_has_its_code",
    "max_iterations": "test_errors_of_the_model::test_a_model_that_calls_tools_for_ever",
    "interrupted": "test_failures_of_the_server::test_a_run_that_the_servers_end_cut_too_often_is_interrupted",
    "internal": "test_failures_of_the_server::test_a_run_that_fails_ends_in_an_internal_error",
}
CLOSE_CODES = {
    "4401": "test_why_a_connection_ends::test_a_token_that_is_revoked_closes_its_connections_alone",
    "4429": "test_connecting::test_a_person_has_so_many_connections_and_no_more",
    "4408": "test_why_a_connection_ends::test_a_client_that_asks_for_much_and_takes_nothing_is_closed",
    "1009": "test_too_much_closes_the_connection::test_a_larger_frame_closes_the_connection",
    "4012": "test_why_a_connection_ends::test_a_restart_says_so_and_takes_no_new_question",
}
NOT_YET = {"run.approve", "approval_required", "too_large", "quota_exceeded", "already_decided"}
"""What the document itself says is not served or sent yet."""


def found(pattern: str, within: str = PROTOCOL) -> list[str]:
    return re.findall(pattern, within, re.DOTALL)


def first_column(header: str) -> set[str]:
    """The names in the first cells of the table with this header."""
    (rows,) = found(re.escape(header) + r"[^\n]*\n\| ---[^\n]*\n((?:\|[^\n]*\n)+)")
    return {name for row in rows.splitlines() for name in found(r"`([\w.]+)`", row.split("|")[1])}


def documented() -> list[tuple[str, set[str], dict[str, str]]]:
    (refusals,) = found(r"`data\.code` one of (.*?)\. No error frame")
    (closing,) = found(r"(Close codes:.*?)Clients treat")
    return [
        ("methods", first_column("| method | params (? = optional)"), METHODS),
        ("notifications", first_column("| method | params |"), NOTIFICATIONS),
        ("errors", {*found(r"`(-32\d{3})`"), *found(r"`([a-z_]+)`", refusals)}, ERRORS),
        ("run errors", first_column("| `error.code` |"), RUN_ERRORS),
        ("close codes", set(found(r"[:,]\s+(\d{4})\b", closing)), CLOSE_CODES),
    ]


@pytest.mark.parametrize(("names", "tested"), [pytest.param(n, t, id=kind) for kind, n, t in documented()])
def test_what_the_document_names_is_tested_or_not_there_yet(names: set[str], tested: dict[str, str]) -> None:
    assert len(names) >= 5
    assert names - NOT_YET == tested.keys()


def test_what_is_not_there_yet_is_said_to_be_so() -> None:
    (said,) = found(r"(Not served yet.*?)\n\n")
    assert set(found(r"`([\w.]+)`", said)) >= NOT_YET


@pytest.mark.parametrize(
    ("name", "test"),
    [
        pytest.param(name, test, id=f"{kind}: {name}")
        for kind, _, tested in documented()
        for name, test in tested.items()
    ],
)
def test_the_named_test_is_there_and_exercises_it(name: str, test: str) -> None:
    file, _, function = test.partition("::")
    assert function.startswith("test_")
    assert name in words_of(file, function)


def words_of(file: str, name: str) -> set[str]:
    """The strings and numbers in a definition of the file, and in what it uses there, as text."""
    definitions = definitions_of(file)
    seen, ahead = set[str](), [name]
    while ahead:
        if (used := ahead.pop()) in definitions and used not in seen:
            seen.add(used)
            ahead += [node.id for node in ast.walk(definitions[used]) if isinstance(node, ast.Name)]
    assert name in seen, f"{file} has no {name}"
    return {word for used in seen for word in words_in(definitions[used])}


@cache
def definitions_of(file: str) -> dict[str, ast.stmt]:
    """By each name that they define."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse((HERE / f"{file}.py").read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            stored = (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            found |= dict.fromkeys(stored, node)
    return found


def words_in(definition: ast.stmt) -> set[str]:
    words = set()
    for node in ast.walk(definition):
        if isinstance(node, ast.Constant):
            words.add(str(node.value))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            words.add(f"-{node.operand.value!r}")
    return words
