from gateway.realtime.tool_calls import (
    MAX_CALLS,
    MAX_CALLS_PER_RESPONSE,
    MAX_REMEMBERED,
    ToolCalls,
)


def test_follow_up_is_due_when_all_calls_of_a_response_are_answered_and_it_is_over() -> None:
    calls = ToolCalls()
    assert calls.begin("c1", "r1")
    assert calls.begin("c2", "r1")
    assert calls.n_running == 2

    assert calls.finish("c2", "r1", "o2") is None
    assert calls.response_done("r1") is None
    assert calls.finish("c1", "r1", "o1") == ["o2", "o1"]
    assert calls.n_running == 0


def test_follow_up_of_quick_calls_is_due_at_the_end_of_their_response() -> None:
    calls = ToolCalls()
    calls.begin("c1", "r1")

    assert calls.finish("c1", "r1", "o1") is None
    assert calls.response_done("r1") == ["o1"]
    assert calls.response_done("r1") is None


def test_response_without_calls_leads_to_no_follow_up() -> None:
    assert ToolCalls().response_done("r1") is None


def test_call_is_taken_once() -> None:
    calls = ToolCalls()

    assert calls.begin("c1", "r1")
    assert not calls.begin("c1", "r1")
    assert not calls.begin("c1", "r2")
    assert calls.n_running == 1


def test_responses_are_followed_up_each_by_itself() -> None:
    calls = ToolCalls()
    calls.begin("c1", "r1")
    calls.response_done("r1")
    calls.begin("c2", "r2")
    calls.response_done("r2")

    assert calls.finish("c2", "r2", "o2") == ["o2"]
    assert calls.finish("c1", "r1", "o1") == ["o1"]


def test_lost_session_ends_its_responses() -> None:
    calls = ToolCalls()
    calls.begin("c1", "r1")
    calls.begin("c2", "r2")
    calls.finish("c1", "r1", "o1")

    assert calls.session_lost() == ["o1"]
    assert calls.finish("c2", "r2", "o2") == ["o2"]


def test_calls_beyond_the_fifth_of_a_response_are_too_many() -> None:
    calls = ToolCalls()
    for number in range(MAX_CALLS_PER_RESPONSE):
        calls.begin(f"c{number}", "r1")
    assert not calls.is_too_many("r1")

    calls.begin("one more", "r1")

    assert calls.is_too_many("r1")
    assert not calls.is_too_many("r2")


def test_calls_beyond_the_limit_of_a_conversation_are_too_many() -> None:
    calls = ToolCalls()
    for number in range(MAX_CALLS + 1):
        assert not calls.is_too_many(f"r{number}")
        calls.begin(f"c{number}", f"r{number}")

    assert calls.is_too_many(f"r{MAX_CALLS}")


def test_calls_remembered_are_bounded() -> None:
    calls = ToolCalls()
    for number in range(MAX_REMEMBERED + 1):
        calls.begin(f"c{number}", "r1")

    assert calls.begin("c0", "r1")
    assert not calls.begin(f"c{MAX_REMEMBERED}", "r1")
