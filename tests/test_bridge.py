import numpy as np
import pytest

from gateway.bridge import (
    MAX_REMEMBERED,
    AppendAudio,
    Bridge,
    CancelResponse,
    ClearAudio,
    Command,
    PlayAudio,
    TruncateItem,
)
from gateway.realtime.events import (
    AudioDelta,
    AudioDone,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    SpeechStarted,
    Unknown,
)
from voice_codecs import PCM16_16K, PCMU_8K

SILENCE_20_MS = b"\xff" * 160


def pcm(ms: int) -> bytes:
    return bytes((np.sin(np.arange(ms * 24) * 0.05) * 8000).astype("<i2").tobytes())


def delta(item_id: str, ms: int, response_id: str = "resp") -> AudioDelta:
    return AudioDelta(item_id, pcm(ms), response_id)


def created(response_id: str = "resp") -> ResponseCreated:
    return ResponseCreated(ResponseState(response_id))


def done(response_id: str = "resp") -> ResponseDone:
    return ResponseDone(ResponseState(response_id))


def heard(bridge: Bridge, commands: list[Command], now: float) -> None:
    """Twilio plays all of it and echoes the marks."""
    for command in commands:
        if isinstance(command, PlayAudio):
            bridge.mark(command.mark_name, now)


def n_samples(commands: list[Command]) -> int:
    return sum(len(command.payload) for command in commands if isinstance(command, PlayAudio))


def test_caller_audio_is_given_to_the_model_at_24_khz() -> None:
    bridge = Bridge()
    commands = [*bridge.caller_audio(SILENCE_20_MS, now=0.0), *bridge.caller_audio(SILENCE_20_MS, now=0.02)]

    assert [type(command) for command in commands] == [AppendAudio, AppendAudio]
    n_bytes = sum(len(command.audio) for command in commands if isinstance(command, AppendAudio))
    assert n_bytes == (40 - 4) * 48  # all but the filter's 4 ms


def test_model_audio_is_sent_at_once_with_a_mark_behind_it() -> None:
    commands = Bridge().model_event(delta("item", 100), now=0.0)

    assert [type(command) for command in commands] == [PlayAudio]
    assert n_samples(commands) == (100 - 4) * 8 + 1  # all but what the filter holds back


def test_long_delta_has_a_mark_every_200_ms() -> None:
    commands = Bridge().model_event(delta("item", 1000), now=0.0)

    assert len(commands) == 5
    assert all(len(command.payload) <= 1600 for command in commands if isinstance(command, PlayAudio))


@pytest.mark.parametrize("cut_at", [1, 2, 3, 95, 4800, 9601])
def test_no_sample_is_lost_at_either_end_of_an_item_however_its_audio_is_cut(cut_at: int) -> None:
    bridge = Bridge()
    audio = pcm(300)
    commands = []
    for start in range(0, len(audio), cut_at):
        commands += bridge.model_event(AudioDelta("item", audio[start : start + cut_at], "resp"), now=0.0)
    commands += bridge.model_event(AudioDone("item", "resp"), now=0.0)

    assert n_samples(commands) == 300 * 8


def test_the_tail_of_an_item_is_sent_when_the_next_one_begins_or_the_response_ends() -> None:
    bridge = Bridge()
    commands = bridge.model_event(delta("first", 200), now=0.0)
    commands += bridge.model_event(delta("second", 200), now=0.0)
    commands += bridge.model_event(done(), now=0.0)

    assert n_samples(commands) == 400 * 8


def test_barge_in_clears_first_and_cuts_the_item_where_it_was_heard() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    commands = bridge.model_event(delta("item", 400), now=0.0)
    assert isinstance(commands[0], PlayAudio)
    bridge.mark(commands[0].mark_name, now=0.2)

    assert bridge.model_event(SpeechStarted(), now=0.25) == [ClearAudio(), TruncateItem("item", 246)]
    assert bridge.tally.n_barge_ins == 1


def test_barge_in_after_generation_has_ended_still_clears() -> None:
    bridge = Bridge()
    for event in (created(), delta("item", 400), AudioDone("item", "resp"), done()):
        bridge.model_event(event, now=0.0)

    assert bridge.model_event(SpeechStarted(), now=0.125) == [ClearAudio(), TruncateItem("item", 125)]


def test_items_of_several_queued_responses_are_all_cut() -> None:
    bridge = Bridge()
    for response in ("r1", "r2"):
        bridge.model_event(created(response), now=0.0)
        bridge.model_event(delta(f"{response}-item", 200, response), now=0.0)
        bridge.model_event(AudioDone(f"{response}-item", response), now=0.0)
        bridge.model_event(done(response), now=0.0)

    assert bridge.model_event(SpeechStarted(), now=0.125) == [
        ClearAudio(),
        TruncateItem("r1-item", 125),
        TruncateItem("r2-item", 0),
    ]


def test_speech_while_nothing_is_unheard_clears_and_truncates_nothing() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    commands = bridge.model_event(delta("item", 200), now=0.0)
    commands += bridge.model_event(AudioDone("item", "resp"), now=0.0)
    commands += bridge.model_event(done(), now=0.0)
    heard(bridge, commands, now=0.2)

    assert bridge.model_event(SpeechStarted(), now=0.3) == []
    assert bridge.tally.n_barge_ins == 0


def test_response_is_cancelled_by_us_only_when_the_server_does_not() -> None:
    for server_interrupts, cancels in ((True, []), (False, [CancelResponse("resp")])):
        bridge = Bridge(server_interrupts=server_interrupts)
        bridge.model_event(created(), now=0.0)
        bridge.model_event(delta("item", 200), now=0.0)

        commands = bridge.model_event(SpeechStarted(), now=0.125)

        assert commands == [ClearAudio(), *cancels, TruncateItem("item", 125)]


def test_response_that_has_ended_is_not_cancelled() -> None:
    bridge = Bridge(server_interrupts=False)
    for event in (created(), delta("item", 200), done()):
        bridge.model_event(event, now=0.0)

    assert CancelResponse("resp") not in bridge.model_event(SpeechStarted(), now=0.1)


def test_late_deltas_of_an_interrupted_response_are_dropped_and_counted() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    bridge.model_event(delta("item", 200), now=0.0)
    bridge.model_event(SpeechStarted(), now=0.1)

    assert bridge.model_event(delta("item", 200), now=0.11) == []
    assert bridge.model_event(delta("later item", 200), now=0.11) == [TruncateItem("later item", 0)]
    assert bridge.model_event(AudioDone("item", "resp"), now=0.11) == []
    assert bridge.tally.late_ms == 400


def test_response_interrupted_before_its_first_audio_stays_silent() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    assert bridge.model_event(SpeechStarted(), now=0.1) == []

    assert bridge.model_event(delta("item", 200), now=0.11) == [TruncateItem("item", 0)]
    assert bridge.model_event(delta("item", 200), now=0.12) == []


def test_a_response_is_cancelled_once_however_often_the_caller_begins_to_speak() -> None:
    bridge = Bridge(server_interrupts=False)
    bridge.model_event(created(), now=0.0)
    assert bridge.model_event(SpeechStarted(), now=0.1) == [CancelResponse("resp")]
    assert bridge.model_event(SpeechStarted(), now=0.2) == []


def test_what_the_media_stream_did_not_carry_to_its_end_is_cut() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    bridge.model_event(delta("item", 1000), now=0.0)
    bridge.model_event(delta("later", 400), now=0.0)

    assert bridge.stream_over(now=0.5) == [
        CancelResponse("resp"),
        TruncateItem("item", 196),  # up to the first mark: 4 ms are in the filter
        TruncateItem("later", 0),
    ]
    assert bridge.stream_over(now=0.6) == []


def test_the_answer_after_a_barge_in_is_heard_from_its_first_sample() -> None:
    bridge = Bridge()
    bridge.model_event(created("r1"), now=0.0)
    bridge.model_event(delta("old", 200, "r1"), now=0.0)
    bridge.model_event(SpeechStarted(), now=0.1)
    bridge.model_event(done("r1"), now=0.1)

    bridge.model_event(created("r2"), now=1.0)
    commands = bridge.model_event(delta("new", 200, "r2"), now=1.0)
    commands += bridge.model_event(AudioDone("new", "r2"), now=1.0)

    fresh = Bridge()
    expected = fresh.model_event(delta("new", 200, "r2"), now=1.0)
    expected += fresh.model_event(AudioDone("new", "r2"), now=1.0)
    sent, wanted = (
        b"".join(command.payload for command in each if isinstance(command, PlayAudio))
        for each in (commands, expected)
    )
    assert sent == wanted


def test_server_that_names_no_response_is_still_interrupted_item_by_item() -> None:
    bridge = Bridge()
    bridge.model_event(delta("old", 200, ""), now=0.0)
    bridge.model_event(SpeechStarted(), now=0.1)

    assert bridge.model_event(delta("old", 200, ""), now=0.1) == []
    assert bridge.model_event(delta("new", 200, ""), now=0.2) != []


def test_stale_marks_are_counted_and_do_nothing() -> None:
    bridge = Bridge()
    commands = bridge.model_event(delta("item", 200), now=0.0)
    bridge.model_event(SpeechStarted(), now=0.1)
    heard(bridge, commands, now=0.1)

    assert bridge.tally.n_stale_marks == 1


def test_runaway_response_is_cancelled_and_truncated_at_what_was_sent() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    commands: list[Command] = []
    n_sent_ms = 0
    while not any(isinstance(command, CancelResponse) for command in commands):
        commands = bridge.model_event(delta("item", 1000), now=0.0)
        n_sent_ms += 1000

    assert n_sent_ms == 181_000
    assert commands[-2:] == [CancelResponse("resp"), TruncateItem("item", 181_000)]
    assert bridge.model_event(delta("item", 1000), now=0.0) == []


def test_flood_of_caller_audio_is_dropped_and_a_burst_after_a_stall_is_not() -> None:
    bridge = Bridge()
    burst = [bridge.caller_audio(SILENCE_20_MS, now=100.0) for _ in range(500)]
    assert all(burst)

    flood = [bridge.caller_audio(SILENCE_20_MS, now=100.0) for _ in range(500)]

    assert not any(flood)
    assert bridge.tally.flooded_ms == 10_000
    assert bridge.caller_audio(SILENCE_20_MS, now=101.0)


def test_announcement_replaces_what_the_model_was_saying() -> None:
    bridge = Bridge()
    bridge.model_event(delta("item", 200), now=0.0)

    commands = bridge.announce(b"\x80" * 4000, now=0.1)

    assert isinstance(commands[0], ClearAudio)
    assert n_samples(commands) == 4000
    heard(bridge, commands, now=0.6)
    assert not bridge.playback.is_unheard


def test_phrase_that_does_not_interrupt_is_heard_behind_what_was_sent() -> None:
    bridge = Bridge()
    said = bridge.model_event(delta("item", 400), now=0.0)
    commands = bridge.announce(SILENCE_20_MS, now=0.1, interrupts=False)

    assert [type(command) for command in commands] == [PlayAudio]
    assert bridge.playback.unheard_ms(0.1) == n_samples(said) // 8 + 20 - 100


def test_end_of_a_session_lets_what_was_sent_be_heard_to_its_last_sample() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    said = bridge.model_event(delta("item", 400), now=0.0)
    tail = bridge.session_lost(now=0.1)

    assert n_samples([*said, *tail]) == 400 * 8
    assert bridge.session_lost(now=0.2) == []


def test_item_of_a_session_that_is_gone_is_still_cut_where_it_was_heard() -> None:
    bridge = Bridge(server_interrupts=False)
    bridge.model_event(created(), now=0.0)
    heard(bridge, bridge.model_event(delta("item", 200), now=0.0), now=0.2)
    bridge.model_event(delta("item", 800), now=0.2)
    bridge.session_lost(now=0.3)
    commands = bridge.model_event(SpeechStarted(), now=0.6)

    assert commands == [
        ClearAudio(),
        TruncateItem("item", 396),
    ]  # up to the next mark; nothing is left to cancel


def test_audio_of_a_response_outside_the_conversation_is_never_played() -> None:
    bridge = Bridge()
    bridge.model_event(created(), now=0.0)
    bridge.model_event(ResponseCreated(ResponseState("aside", conversation_id=None)), now=0.0)

    assert bridge.model_event(delta("item_aside", 200, "aside"), now=0.0) == []
    assert len(bridge.model_event(delta("item", 200), now=0.0)) == 1


def test_mu_law_passes_through_both_ways_unchanged_and_is_accounted_for_in_its_own_bytes() -> None:
    bridge = Bridge(input_format=PCMU_8K, output_format=PCMU_8K)
    payload = bytes(range(200)) * 24
    commands = bridge.model_event(AudioDelta("item", payload, "resp"), now=0.0)

    assert bridge.caller_audio(SILENCE_20_MS, now=0.0) == [AppendAudio(SILENCE_20_MS)]
    assert b"".join(each.payload for each in commands if isinstance(each, PlayAudio)) == payload
    assert len(commands) == 3
    assert bridge.tally.model_ms == 600
    assert bridge.model_event(SpeechStarted(), now=0.15)[-1] == TruncateItem("item", 150)


def test_caller_is_heard_at_16_khz_by_a_server_that_wants_it_so() -> None:
    bridge = Bridge(input_format=PCM16_16K)
    commands = [*bridge.caller_audio(SILENCE_20_MS, now=0.0), *bridge.caller_audio(SILENCE_20_MS, now=0.02)]

    assert sum(len(each.audio) for each in commands if isinstance(each, AppendAudio)) == (40 - 4) * 32


def test_events_that_change_nothing_lead_to_nothing() -> None:
    assert Bridge().model_event(Unknown("weather.changed"), now=0.0) == []


def test_memory_of_interrupted_responses_is_bounded() -> None:
    bridge = Bridge()
    for n in range(10 * MAX_REMEMBERED):
        bridge.model_event(created(f"r{n}"), now=float(n))
        bridge.model_event(delta(f"i{n}", 20, f"r{n}"), now=float(n))
        bridge.model_event(SpeechStarted(), now=float(n))

    assert len(bridge._dead_responses) == len(bridge._response_of) == MAX_REMEMBERED


def test_a_guarded_response_is_heard_out_whatever_the_caller_says() -> None:
    bridge = Bridge(server_interrupts=False)
    bridge.guard_next_response()
    bridge.model_event(created("greeting"), 0.0)
    assert bridge.model_event(SpeechStarted("item_c", 0), 0.1) == []  # while it is being made
    spoken = bridge.model_event(delta("item_1", 600, "greeting"), 0.2)
    spoken += bridge.model_event(done("greeting"), 0.3)
    assert bridge.model_event(SpeechStarted("item_c", 0), 0.4) == []  # while it is being heard
    answer = bridge.model_event(created("answer"), 0.5)
    answer += bridge.model_event(delta("item_2", 600, "answer"), 0.5)
    assert n_samples(spoken) == 600 * 8
    assert bridge.tally.n_barge_ins == 0

    heard(bridge, spoken, 0.9)
    commands = bridge.model_event(SpeechStarted("item_c", 0), 1.0)  # the answer is like any other
    assert [type(command) for command in commands] == [ClearAudio, CancelResponse, TruncateItem]
