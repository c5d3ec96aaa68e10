from gateway.realtime.response_gate import (
    CREATED_TIMEOUT,
    MAX_WAITING,
    OWED_TIMEOUT,
    SPEAKING_TIMEOUT,
    ResponseGate,
    Wish,
)


def _asked(gate: ResponseGate, now: float = 0.0, event_id: str = "e1") -> Wish:
    """Have the gate's next wish asked for."""
    wish = gate.next_wish(now)
    assert wish is not None
    gate.asked(wish, event_id, now)
    return wish


def test_response_may_be_asked_for_at_once_when_nothing_is_in_the_way() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want({"instructions": "greet"})

    assert _asked(gate).params == {"instructions": "greet"}
    assert gate.next_wish(0.0) is None
    assert not gate.is_idle


def test_second_response_waits_for_the_end_of_the_first() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want({"instructions": "a"})
    gate.want({"instructions": "b"})
    _asked(gate)
    assert gate.next_wish(0.0) is None
    gate.created("r1")
    assert gate.next_wish(0.0) is None
    gate.done("other")
    assert gate.active == "r1"

    gate.done("r1")

    assert _asked(gate).params == {"instructions": "b"}


def test_same_wish_is_wanted_once() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want()
    gate.want()

    _asked(gate)
    gate.created("r1")
    gate.done("r1")
    assert gate.next_wish(0.0) is None
    assert gate.is_idle


def test_wishes_that_wait_are_bounded() -> None:
    gate = ResponseGate(server_answers=True)
    gate.created("r0")
    for number in range(MAX_WAITING + 5):
        gate.want({"instructions": str(number)})
    gate.done("r0")

    for number in range(MAX_WAITING):
        assert _asked(gate).params == {"instructions": str(number)}
        gate.created(f"r{number}")
        gate.done(f"r{number}")
    assert gate.next_wish(0.0) is None


def test_nothing_is_asked_for_while_the_caller_has_a_turn_that_the_server_will_answer() -> None:
    gate = ResponseGate(server_answers=True)
    gate.speech_started(0.0)
    gate.want()
    assert gate.caller_speaking
    assert gate.next_wish(1.0) is None
    gate.speech_stopped(1.0)
    assert not gate.caller_speaking
    assert gate.owed_since == 1.0
    assert gate.next_wish(1.0) is None

    gate.created("r1")
    gate.done("r1")

    assert gate.next_wish(2.0) is not None


def test_turn_does_not_hold_back_an_answer_that_only_the_application_gives() -> None:
    gate = ResponseGate(server_answers=False)
    gate.speech_started(0.0)
    gate.speech_stopped(1.0)
    gate.want()

    assert gate.owed_since is None
    assert gate.next_wish(1.0) is not None


def test_response_that_never_begins_is_in_the_way_for_10_seconds_only() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want({"instructions": "a"})
    gate.want({"instructions": "b"})
    _asked(gate)

    assert gate.next_wish(CREATED_TIMEOUT) is None
    assert gate.next_wish(CREATED_TIMEOUT + 0.1) is not None


def test_answer_that_the_server_owes_is_waited_for_5_seconds_only() -> None:
    gate = ResponseGate(server_answers=True)
    gate.speech_started(0.0)
    gate.speech_stopped(1.0)
    gate.want()

    assert gate.next_wish(1.0 + OWED_TIMEOUT) is None
    assert gate.next_wish(1.1 + OWED_TIMEOUT) is not None


def test_turn_whose_end_was_lost_ends_after_a_minute() -> None:
    gate = ResponseGate(server_answers=True)
    gate.speech_started(0.0)
    gate.want()

    assert gate.next_wish(SPEAKING_TIMEOUT) is None
    assert gate.next_wish(SPEAKING_TIMEOUT + 0.1) is not None


def test_wish_refused_because_another_response_was_active_waits_for_its_end() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want({"instructions": "a"})
    _asked(gate, event_id="e1")
    gate.created("r1")  # of the server's own accord

    assert gate.refused("e1", because_active=True)
    assert gate.next_wish(0.0) is None
    gate.done("r1")
    assert _asked(gate).params == {"instructions": "a"}


def test_wish_refused_for_another_reason_is_given_up() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want()
    _asked(gate, event_id="e1")

    assert gate.refused("e1", because_active=False)
    assert gate.is_idle


def test_refusal_of_something_else_is_no_refusal_of_the_wish() -> None:
    gate = ResponseGate(server_answers=True)
    assert not gate.refused("e1", because_active=True)
    gate.want()
    _asked(gate, event_id="e1")

    assert not gate.refused("e2", because_active=True)
    assert not gate.refused(None, because_active=False)
    assert gate.next_wish(0.0) is None


def test_refusal_that_names_no_event_is_ours_if_it_says_that_another_response_is_active() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want({"instructions": "a"})
    _asked(gate, event_id="e1")
    gate.created("r1")  # of the server's own accord

    assert gate.refused(None, because_active=True)
    gate.done("r1")
    assert _asked(gate).params == {"instructions": "a"}


def test_response_begun_with_the_tools_outputs_makes_up_for_their_follow_up() -> None:
    gate = ResponseGate(server_answers=True)
    gate.speech_started(0.0)
    gate.want(None, ["o1", "o2"], follow_up=True)
    gate.item_known("o1")
    gate.item_known("o2")
    gate.speech_stopped(1.0)

    gate.created("r1")
    gate.done("r1")

    assert gate.is_idle


def test_response_begun_before_a_tools_output_was_known_does_not_make_up_for_it() -> None:
    gate = ResponseGate(server_answers=True)
    gate.speech_started(0.0)
    gate.want(None, ["o1", "o2"], follow_up=True)
    gate.item_known("o1")
    gate.speech_stopped(1.0)

    gate.created("r1")
    gate.done("r1")

    assert gate.next_wish(2.0) is not None


def test_response_does_not_make_up_for_one_with_instructions_of_its_own() -> None:
    gate = ResponseGate(server_answers=True)
    gate.created("r0")
    gate.want({"instructions": "say goodbye"})
    gate.done("r0")
    gate.created("r1")
    gate.done("r1")

    assert _asked(gate).params == {"instructions": "say goodbye"}


def test_follow_up_refused_after_a_response_with_its_outputs_had_begun_is_needless() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want(None, ["o1"], follow_up=True)
    _asked(gate, event_id="e1")
    gate.item_known("o1")
    gate.created("r1")  # the server's own, which came first

    assert not gate.refused("e1", because_active=True)
    gate.done("r1")
    assert gate.is_idle


def test_new_session_asks_again_for_what_was_asked_or_waiting_and_forgets_the_rest() -> None:
    gate = ResponseGate(server_answers=True)
    gate.want({"instructions": "a"})
    gate.want({"instructions": "b"})
    _asked(gate)
    gate.speech_started(0.0)

    gate.reset()

    assert not gate.caller_speaking
    assert _asked(gate).params == {"instructions": "a"}
    gate.created("r1")
    gate.reset()
    assert gate.active is None
    assert _asked(gate).params == {"instructions": "b"}


def test_gate_is_idle_only_when_nobody_speaks_generates_or_waits() -> None:
    gate = ResponseGate(server_answers=True)
    assert gate.is_idle
    gate.speech_started(0.0)
    assert not gate.is_idle
    gate.speech_stopped(1.0)
    assert not gate.is_idle
    gate.created("r1")
    assert not gate.is_idle
    gate.done("r1")
    assert gate.is_idle
