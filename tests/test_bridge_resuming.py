"""What the bridge does where an interruption may have been only noise, and where a key interrupts."""

from collections.abc import Callable

import pytest

from gateway.bridge import Bridge
from gateway.commands import (
    CancelResponse,
    ClearAudio,
    Command,
    DeleteItem,
    PlayAudio,
    RestoreItem,
    TruncateItem,
)
from gateway.interruptions import MAX_HELD_BYTES
from gateway.realtime.events import (
    AudioDelta,
    AudioDone,
    CallerTranscript,
    SpeechStarted,
    SpeechStopped,
)
from tests.test_bridge import SILENCE_20_MS, created, delta, done, n_samples, pcm
from voice_codecs import PCM16_24K, PCMU_8K
from voice_codecs.transcode import model_to_caller

COUGH_MS = 300


def resuming() -> Bridge:
    return Bridge(resumes=True, silence_ms=500, output_format=PCMU_8K)


def say(bridge: Bridge, item_id: str, ms: int, now: float, response_id: str = "resp") -> list[Command]:
    """The model makes a whole response at once; each 8 bytes of it are different from those before."""
    sound = bytes(n // 8 % 251 for n in range(ms * 8))
    commands = bridge.model_event(created(response_id), now)
    commands += bridge.model_event(AudioDelta(item_id, sound, response_id), now)
    commands += bridge.model_event(AudioDone(item_id, response_id), now)
    return commands + bridge.model_event(done(response_id), now)


def answer(bridge: Bridge, ms: int, now: float, response_id: str = "answer") -> list[Command]:
    """The model makes the beginning of an answer."""
    commands = bridge.model_event(created(response_id), now)
    sound = AudioDelta(f"{response_id}-item", bytes(ms * 8), response_id)
    return commands + bridge.model_event(sound, now)


def cough(bridge: Bridge, now: float, item_id: str = "cough") -> list[Command]:
    """The caller makes a short noise; what it was is not known yet."""
    commands = bridge.model_event(SpeechStarted(item_id), now)
    return commands + bridge.model_event(SpeechStopped(item_id), now + COUGH_MS / 1000 + 0.5)


def transcript(bridge: Bridge, now: float, words: str = "", item_id: str = "cough") -> list[Command]:
    return bridge.model_event(CallerTranscript(item_id, words), now)


def sound(commands: list[Command]) -> bytes:
    return b"".join(command.payload for command in commands if isinstance(command, PlayAudio))


def but_sound(commands: list[Command]) -> list[Command]:
    return [command for command in commands if not isinstance(command, PlayAudio)]


def test_after_a_cough_the_agent_goes_on_where_it_stopped_and_the_answer_to_it_is_taken_back() -> None:
    bridge = resuming()
    said = say(bridge, "item", 1000, now=0.0)
    bridge.mark(said[0].mark_name, now=0.1875)  # type: ignore[union-attr]
    assert cough(bridge, 0.25) == [ClearAudio(), TruncateItem("item", 262)]
    assert answer(bridge, 200, 1.1) == []

    commands = transcript(bridge, 1.5)

    assert sound(commands) == sound(said)[2100:]
    assert but_sound(commands) == [
        CancelResponse("answer"),
        TruncateItem("answer-item", 0),
        DeleteItem("cough"),
    ]
    assert (bridge.tally.n_barge_ins, bridge.tally.n_resumed, bridge.tally.late_ms) == (1, 1, 200)
    late = AudioDelta("answer-item", bytes(1600), "answer")
    assert bridge.model_event(late, 1.6) == []
    assert bridge.model_event(AudioDelta("answer-item-2", bytes(1600), "answer"), 1.6) == [
        TruncateItem("answer-item-2", 0)
    ]
    marks = [command.mark_name for command in commands if isinstance(command, PlayAudio)]
    assert all(bridge.mark(name, 2.0) == [] for name in marks[:-1])
    assert bridge.mark(marks[-1], 2.3) == [RestoreItem("item", 262, 1000)]
    assert not bridge.playback.is_unheard


def test_answer_to_a_cough_that_is_finished_already_is_not_cancelled() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.25)
    assert say(bridge, "sorry", 400, 1.1, "answer") == []

    assert but_sound(transcript(bridge, 1.5)) == [TruncateItem("sorry", 0), DeleteItem("cough")]


def test_short_word_is_answered_with_all_that_was_held() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.25)
    assert say(bridge, "thanks", 700, 1.1, "answer") == []

    commands = transcript(bridge, 1.5, "Yes.")

    assert sound(commands) == bytes(n // 8 % 251 for n in range(700 * 8))
    assert but_sound(commands) == []
    assert bridge.tally.n_resumed == 0
    bridge.mark(commands[-1].mark_name, 2.3)  # type: ignore[union-attr]
    assert not bridge.playback.is_unheard


def test_audio_that_follows_what_was_held_comes_behind_it() -> None:
    bridge = Bridge(resumes=True, silence_ms=500)
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.1)
    audio = pcm(300)
    bridge.model_event(created("answer"), 1.0)
    assert bridge.model_event(AudioDelta("new", audio[:4801], "answer"), 1.0) == []
    commands = transcript(bridge, 1.5, "Yes.")
    commands += bridge.model_event(AudioDelta("new", audio[4801:], "answer"), 1.6)
    commands += bridge.model_event(AudioDone("new", "answer"), 1.6)

    assert sound(commands) == model_to_caller(PCM16_24K).feed(audio) + flushed(audio)


def flushed(audio: bytes) -> bytes:
    transcoder = model_to_caller(PCM16_24K)
    transcoder.feed(audio)
    return transcoder.flush()


def test_answer_is_played_when_the_words_do_not_come_in_time() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.25)
    answer(bridge, 200, 1.1)
    assert bridge.until_next_look(1.95) == pytest.approx(0.1)
    assert bridge.no_caller_audio(2.0) == []

    assert n_samples(bridge.no_caller_audio(2.06)) == 200 * 8
    assert transcript(bridge, 2.1) == []
    assert bridge.until_next_look(2.1) == bridge.media_clock.until_next_look(2.1)


def test_long_speech_is_meant_and_what_was_cut_off_is_forgotten() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    bridge.model_event(SpeechStarted("cough"), 0.25)
    bridge.no_caller_audio(0.25 + 0.4 + 0.5 + 0.15)
    bridge.model_event(SpeechStopped("cough"), 1.3)

    assert n_samples(answer(bridge, 200, 1.4)) == 200 * 8
    assert transcript(bridge, 1.5) == []


def test_caller_who_interrupts_what_is_heard_on_is_believed_to_have_heard_more_once() -> None:
    bridge = resuming()
    said = say(bridge, "item", 1000, now=0.0)
    said += say(bridge, "next", 400, 0.0, "second")
    cough(bridge, 0.125)
    answer(bridge, 200, 1.0)
    again = transcript(bridge, 1.5)
    assert sound(again) == sound(said)[125 * 8 :]
    bridge.model_event(done("answer"), 1.5)

    assert cough(bridge, 1.5 + 0.0625, "cough 2") == [ClearAudio(), RestoreItem("item", 125, 187)]
    answer(bridge, 200, 2.4, "answer 2")
    third = transcript(bridge, 2.5, item_id="cough 2")
    assert sound(third) == sound(said)[1500:]
    marks = [command.mark_name for command in third if isinstance(command, PlayAudio)]
    told = [command for name in marks for command in bridge.mark(name, 4.0)]
    assert told == [RestoreItem("item", 187, 1000), RestoreItem("next", 0, 400)]
    assert bridge.tally.n_resumed == 2


def test_response_that_was_cut_in_the_making_is_never_heard_on() -> None:
    for unfinished in (created("resp"), delta("item", 100)):
        bridge = resuming()
        say(bridge, "item", 1000, 0.0, "before")
        bridge.model_event(unfinished, 0.0)
        cough(bridge, 0.25)

        assert n_samples(answer(bridge, 200, 1.1)) == 200 * 8
        assert transcript(bridge, 1.5) == []


def test_nothing_is_kept_or_held_unless_resuming_is_on_and_silence_ends_turns() -> None:
    for bridge in (Bridge(silence_ms=500), Bridge(resumes=True)):
        say(bridge, "item", 1000, now=0.0)
        assert bridge.playback.unheard(0.0) == []
        cough(bridge, 0.25)
        assert n_samples(answer(bridge, 200, 1.1)) > 0


def test_speech_of_which_the_server_does_not_say_the_item_is_meant() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.25, "")

    assert n_samples(answer(bridge, 200, 1.1)) == 200 * 8


def test_answer_to_a_cough_is_unheard_when_the_caller_goes_on_to_speak() -> None:
    bridge = Bridge(server_interrupts=False, resumes=True, silence_ms=500, output_format=PCMU_8K)
    said = say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.125)
    answer(bridge, 200, 1.0)

    assert cough(bridge, 1.1, "cough 2") == [CancelResponse("answer"), TruncateItem("answer-item", 0)]
    assert transcript(bridge, 2.0) == []
    answer(bridge, 200, 2.0, "answer 2")
    commands = transcript(bridge, 2.1, item_id="cough 2")
    assert sound(commands) == sound(said)[125 * 8 :]
    assert but_sound(commands)[-2:] == [DeleteItem("cough"), DeleteItem("cough 2")]


def test_what_was_cut_off_is_forgotten_when_something_else_is_to_be_said() -> None:
    lost: list[Callable[[Bridge], list[Command]]] = [
        lambda bridge: bridge.session_lost(1.2),
        lambda bridge: bridge.announce(SILENCE_20_MS, 1.2, interrupts=False),
        lambda bridge: bridge.send_keys(SILENCE_20_MS, 1.2),
    ]
    for happens, ours in zip(lost, (b"", SILENCE_20_MS, SILENCE_20_MS), strict=True):
        bridge = resuming()
        say(bridge, "item", 1000, now=0.0)
        cough(bridge, 0.25)
        answer(bridge, 200, 1.1)
        assert sound(happens(bridge)) == bytes(1600) + ours
        assert transcript(bridge, 1.5) == []


def test_announcement_that_interrupts_replaces_what_was_kept_and_what_was_held() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.25)
    answer(bridge, 200, 1.1)

    assert sound(bridge.announce(SILENCE_20_MS, 1.2)) == SILENCE_20_MS
    assert transcript(bridge, 1.5) == []


def test_key_interrupts_like_the_caller_does_but_the_server_must_be_told() -> None:
    bridge = resuming()
    bridge.model_event(created(), 0.0)
    bridge.model_event(AudioDelta("item", bytes(8000), "resp"), 0.0)

    assert bridge.key_pressed(0.125) == [ClearAudio(), CancelResponse("resp"), TruncateItem("item", 125)]
    assert bridge.model_event(AudioDelta("item", bytes(8000), "resp"), 0.2) == []
    assert bridge.key_pressed(0.3) == []  # it is being cancelled already
    bridge.model_event(done(), 0.4)
    assert bridge.key_pressed(0.5) == []


def test_key_is_never_taken_for_a_noise() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.25)
    answer(bridge, 200, 1.1)

    assert bridge.key_pressed(1.2) == [CancelResponse("answer"), TruncateItem("answer-item", 0)]
    assert transcript(bridge, 1.5) == []


def test_key_does_not_cut_a_guarded_response_nor_key_tones() -> None:
    bridge = Bridge()
    bridge.guard_next_response()
    bridge.model_event(created("greeting"), 0.0)
    assert bridge.key_pressed(0.1) == []

    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    bridge.send_keys(SILENCE_20_MS, 0.0)
    assert bridge.key_pressed(0.1) == cough(bridge, 0.2) == []
    assert n_samples(answer(bridge, 200, 1.1)) == 200 * 8


def test_what_waits_for_the_verdict_is_bounded() -> None:
    bridge = resuming()
    say(bridge, "item", 1000, now=0.0)
    cough(bridge, 0.25)
    bridge.model_event(created("answer"), 1.1)
    n_sent = n_played = 0
    while not n_played:
        n_played = n_samples(bridge.model_event(AudioDelta("new", bytes(80_000), "answer"), 1.1))
        n_sent += 80_000

    assert n_played == n_sent
    assert MAX_HELD_BYTES < n_sent <= MAX_HELD_BYTES + 80_000
