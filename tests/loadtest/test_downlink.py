from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.downlink import Answer, answers
from gateway.loadtest.results import Embedded
from gateway.loadtest.truth import embedded, reference
from gateway.observed import Observed
from tests.loadtest.calls import clear, media, silence, speech, streaming
from tests.loadtest.sessions import item, session
from voice_codecs import ModelToCaller, mulaw_decode

START = 100.0


def says(caller: RecordedCaller, ms: int, payload: bytes) -> None:
    caller.receive(media(payload), START + ms / 1000)


def clears(caller: RecordedCaller, ms: int) -> None:
    caller.receive(clear(), START + ms / 1000)


def told(caller: RecordedCaller, *observed: Observed, at: float = 130.0) -> Embedded:
    """Of a call that ends at a time."""
    caller.hang_up(at)
    return embedded(caller, observed)


def followed(caller: RecordedCaller, *observed: Observed) -> list[Answer]:
    caller.hang_up(130.0)
    return answers(caller.timeline, observed)


def test_audio_is_late_by_the_time_from_its_sending_until_all_of_it_has_come() -> None:
    caller = streaming()
    says(caller, 1030, speech(100))
    says(caller, 1050, speech(100))
    says(caller, 1260, speech(200))

    result = told(caller, session(item("a", (101.0, 200), (101.2, 200))))

    assert result.added_down_ms == (50.0, 60.0)
    assert result.missing_down_ms == (0.0,)


def test_what_a_filter_holds_back_until_more_comes_is_not_late() -> None:
    caller = streaming()
    says(caller, 1010, speech(196))
    says(caller, 1210, speech(200))
    says(caller, 1290, speech(4))

    result = told(caller, session(item("a", (101.0, 200), (101.2, 200), encoding="pcm16")))

    assert result.added_down_ms == (10.0, 10.0)


def test_a_delta_that_did_not_come_to_its_end_has_no_latency() -> None:
    caller = streaming()
    says(caller, 1010, speech(200) + speech(100))

    result = told(caller, session(item("a", (101.0, 200), (101.2, 200))))

    assert result.added_down_ms == (10.0,)
    assert result.missing_down_ms == (100.0,)


def test_samples_lost_of_one_answer_are_not_taken_from_the_next() -> None:
    caller = streaming()
    says(caller, 1010, speech(180))
    says(caller, 5010, speech(300))

    result = told(caller, session(item("a", (101.0, 200)), item("b", (105.0, 300))))

    assert result.missing_down_ms == (20.0, 0.0)
    assert result.added_down_ms == (10.0,)


def test_samples_beyond_those_sent_are_missing_below_zero() -> None:
    caller = streaming()
    says(caller, 1010, speech(220))

    assert told(caller, session(item("a", (101.0, 200)))).missing_down_ms == (-20.0,)


def test_answers_that_come_in_one_message_are_told_apart_by_count() -> None:
    caller = streaming()
    says(caller, 1250, speech(500))

    first, second = followed(caller, session(item("a", (101.0, 200)), item("b", (101.2, 300))))

    assert (first.n_received, second.n_received) == (1600, 2400)


def test_the_servers_own_audio_belongs_to_no_answer() -> None:
    caller = streaming()
    says(caller, 1010, speech(200))
    says(caller, 3000, speech(200))
    says(caller, 3010, speech(200))
    says(caller, 5010, speech(300))

    result = told(caller, session(item("a", (101.0, 200)), item("b", (105.0, 300))))

    assert result.missing_down_ms == (0.0, 0.0)


def test_an_answer_is_truncated_right_where_the_clear_cut_it() -> None:
    caller = streaming()
    says(caller, 1010, speech(2000))
    clears(caller, 1510)

    result = told(caller, session(item("a", (101.0, 2000)), truncated=[("a", 500, 101.51)]))

    assert result.truncation_errors_ms == (0.0,)
    assert result.missing_down_ms == ()


def test_a_model_that_is_told_of_too_much_believes_that_more_was_heard() -> None:
    caller = streaming()
    says(caller, 1010, speech(2000))
    clears(caller, 1510)

    result = told(caller, session(item("a", (101.0, 2000)), truncated=[("a", 1000, 101.51)]))

    assert result.truncation_errors_ms == (500.0,)


def test_a_model_that_is_told_of_more_than_it_said_believes_that_all_was_heard() -> None:
    caller = streaming()
    says(caller, 1010, speech(2000))
    clears(caller, 1510)

    result = told(caller, session(item("a", (101.0, 2000)), truncated=[("a", 57_340, 101.51)]))

    assert result.truncation_errors_ms == (1500.0,)


def test_a_model_that_is_told_nothing_of_a_clear_believes_that_all_was_heard() -> None:
    caller = streaming()
    says(caller, 1010, speech(2000))
    clears(caller, 1510)

    assert told(caller, session(item("a", (101.0, 2000)))).truncation_errors_ms == (1500.0,)


def test_an_answer_behind_the_one_that_is_heard_was_not_heard_at_all() -> None:
    caller = streaming()
    says(caller, 1010, speech(1000))
    says(caller, 1250, speech(400))
    clears(caller, 1510)
    what = session(
        item("a", (101.0, 1000)), item("b", (101.2, 400)), truncated=[("a", 500, 101.5), ("b", 100, 101.5)]
    )

    assert told(caller, what).truncation_errors_ms == (0.0, 100.0)


def test_an_answer_that_was_heard_to_its_end_is_not_cut_by_a_later_clear() -> None:
    caller = streaming()
    says(caller, 1010, speech(500))
    says(caller, 3010, speech(2000))
    clears(caller, 3510)
    what = session(item("a", (101.0, 500)), item("b", (103.0, 2000)), truncated=[("b", 500, 103.51)])

    result = told(caller, what)

    assert result.truncation_errors_ms == (0.0,)
    assert result.missing_down_ms == (0.0,)


def test_an_answer_that_lost_samples_long_ago_is_not_cut_by_a_clear() -> None:
    caller = streaming()
    says(caller, 1010, speech(480))
    clears(caller, 3510)

    result = told(caller, session(item("a", (101.0, 500))))

    assert result.truncation_errors_ms == ()
    assert result.missing_down_ms == (20.0,)


def test_an_answer_cleared_before_it_came_was_not_heard() -> None:
    caller = streaming()
    clears(caller, 1100)

    result = told(caller, session(item("a", (101.0, 500))))

    assert result.truncation_errors_ms == (500.0,)


def test_an_answer_that_was_never_passed_on_takes_nothing_from_the_next() -> None:
    caller = streaming()
    says(caller, 1010, speech(1000))
    clears(caller, 1510)
    says(caller, 1900, speech(500))  # the rest, after a cough
    says(caller, 5010, speech(800))
    what = session(
        item("a", (101.0, 1000)), item("cough", (101.8, 700)), item("b", (105.0, 800)),
        truncated=[("a", 500, 101.51), ("cough", 0, 101.9)],
    )  # fmt: skip

    result = told(caller, what)

    assert result.truncation_errors_ms == (0.0, 0.0)
    assert result.missing_down_ms == (0.0,)


def test_an_answer_that_was_heard_though_the_model_was_told_otherwise_is_an_error() -> None:
    caller = streaming()
    says(caller, 1010, speech(1000))
    clears(caller, 1510)

    result = told(caller, session(item("a", (101.0, 1000)), truncated=[("a", 0, 101.51)]))

    assert result.truncation_errors_ms == (-500.0,)


def test_what_the_end_of_the_call_cut_is_no_error_and_not_missing() -> None:
    caller = streaming()
    says(caller, 29_900, speech(1000))

    result = told(caller, session(item("a", (129.89, 1000), (129.98, 1000)), truncated=[("a", 100, 130.01)]))

    assert result.truncation_errors_ms == ()
    assert result.missing_down_ms == ()


def test_answers_of_several_sessions_are_followed_in_order() -> None:
    caller = streaming()
    says(caller, 1010, speech(200))
    says(caller, 5020, speech(300))
    second = session(item("item_1", (105.0, 300)), session_id="sess_2")

    result = told(caller, second, session(item("item_1", (101.0, 200))))

    assert result.added_down_ms == (10.0, 20.0)
    assert result.missing_down_ms == (0.0, 0.0)


def test_a_call_that_nobody_observed_tells_nothing() -> None:
    caller = streaming()
    says(caller, 1010, speech(200))

    assert told(caller) == Embedded()
    assert reference(caller, []) is None


def test_as_much_is_heard_as_the_playback_buffer_played() -> None:
    caller = streaming()
    says(caller, 1010, speech(1000))
    clears(caller, 1513)
    says(caller, 1700, speech(100))
    says(caller, 1777, speech(100))
    says(caller, 2500, speech(300))
    what = session(item("a", (101.0, 1000)), item("b", (101.6, 200)), item("c", (102.4, 300)))

    found = followed(caller, what)

    assert [each.cut_by for each in found] == ["clear", None, None]
    assert sum(each.n_heard for each in found) == sum(len(run.payload) for run in caller.playback.runs)


def test_reference_is_the_longest_answer_that_was_heard_to_its_end_and_kept() -> None:
    caller = streaming()
    said = mulaw_decode(silence(10) + speech(290)).astype("<i2").repeat(3).tobytes()
    passed_on = ModelToCaller()
    whole = passed_on.feed(said) + passed_on.flush()
    says(caller, 1010, speech(200))
    says(caller, 3010, whole)
    says(caller, 5010, speech(900))
    says(caller, 7010, speech(1000))
    clears(caller, 7200)
    what = session(
        item("short", (101.0, 200), chunks=[speech(200)]),
        item("whole", (103.0, 300), encoding="pcm16", chunks=[said]),
        item("not kept", (105.0, 900)),
        item("cut", (107.0, 1000), chunks=[speech(1000)]),
    )
    caller.hang_up(130.0)

    clean = reference(caller, [what])

    assert clean is not None
    assert abs(clean.astype(int) - mulaw_decode(whole)).max() < 600  # of mu-law at full scale
    assert clean.size == len(whole)


def test_reference_may_have_lost_something_on_the_way_but_not_most_of_it() -> None:
    caller = streaming()
    says(caller, 1010, speech(180))
    says(caller, 5010, speech(100))
    lossy = item("lossy", (101.0, 200), chunks=[speech(200)])
    caller.hang_up(130.0)

    clean = reference(caller, [session(lossy, item("lost", (105.0, 300), chunks=[speech(300)]))])

    assert clean is not None
    assert clean.tolist() == mulaw_decode(speech(200)).tolist()
