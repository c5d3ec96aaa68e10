import pytest

from gateway.realtime.conversation import Formatted, FormattedTool, Item
from gateway.realtime.response_gate import ResponseGate
from gateway.realtime.resumption import Lost, what_is_lost


def _gate(*, active: str | None = None) -> ResponseGate:
    gate = ResponseGate(server_answers=True)
    if active is not None:
        gate.created(active)
    return gate


def _message(response_id: str, audio_ms: int) -> Item:
    formatted = Formatted(transcript="good morning", audio_ms=audio_ms)
    return Item("a", role="assistant", response_id=response_id, formatted=formatted)


def _call(status: str) -> Item:
    tool = FormattedTool("get_hours", "call_1")
    return Item("c", "function_call", status=status, response_id="r1", formatted=Formatted(tool=tool))


def test_nothing_is_lost_when_nobody_was_waiting() -> None:
    assert what_is_lost(_gate(), [_message("r0", 1000)]) is Lost.NOTHING


def test_callers_turn_is_lost_even_if_a_response_is_active_too() -> None:
    gate = _gate(active="r1")
    gate.speech_started(0.0)

    assert what_is_lost(gate, [_message("r1", 1000)]) is Lost.CALLER_SPEAKING


def test_answer_that_was_owed_is_lost() -> None:
    gate = _gate()
    gate.speech_started(0.0)
    gate.speech_stopped(1.0)

    assert what_is_lost(gate, []) is Lost.ANSWER


@pytest.mark.parametrize(
    ("items", "lost"),
    [
        ([], Lost.ANSWER),
        ([_message("r1", 0)], Lost.ANSWER),
        ([_message("r0", 1000)], Lost.ANSWER),
        ([_message("r1", 1000)], Lost.REST_OF_ANSWER),
        ([_call("completed")], Lost.NOTHING),
        ([_call("in_progress")], Lost.ANSWER),
        ([_message("r1", 1000), _call("completed")], Lost.NOTHING),
    ],
)
def test_what_is_lost_of_a_response_depends_on_what_was_heard_or_called(
    items: list[Item], lost: Lost
) -> None:
    assert what_is_lost(_gate(active="r1"), items) is lost
