"""Any bytes from a server are decoded or raise an LLM error, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from tests.llm.deltas import decode
from tests.llm.fuzz import CODES, run
from tests.modelserver import body_of, event

CHUNK_KEYS = ["choices", "usage", "error", "detail", "message", "code", "type", "x_groq"]
CHOICE_KEYS = ["delta", "message", "finish_reason", "index", "usage", "error"]
DELTA_KEYS = ["content", "refusal", "reasoning_content", "reasoning_details", "tool_calls", "function_call"]
CALL_KEYS = ["index", "id", "function", "name", "arguments", "type", "text", "thinking"]
KEYS = [*CHUNK_KEYS, *CHOICE_KEYS, *DELTA_KEYS, *CALL_KEYS, "prompt_tokens", "completion_tokens_details"]

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5)


def with_known_keys(inner: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)


values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | with_known_keys(inner), max_leaves=12)


@given(st.lists(with_known_keys(values), max_size=4))
def test_chunks_of_any_shape_are_decoded_or_raise_an_llm_error(chunks: list[dict[str, object]]) -> None:
    assert decode(body_of(event(chunk) for chunk in chunks))[1] in CODES


@given(st.lists(with_known_keys(values), max_size=3))
def test_choices_of_any_shape_are_decoded_or_raise_an_llm_error(deltas: list[dict[str, object]]) -> None:
    assert decode(body_of(event({"choices": [{"delta": delta}]}) for delta in deltas))[1] in CODES


def test_random_and_mutated_streams_are_decoded_or_raise_an_llm_error() -> None:
    assert set(run(first_seed=0, streams=2000)) <= CODES
