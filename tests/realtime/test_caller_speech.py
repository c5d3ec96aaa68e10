import pytest

from gateway.realtime.conversation import MAX_EARLY, Delta, Item, RealtimeConversation, TranscriptionUsage
from gateway.realtime.events import (
    AudioDelta,
    CallerTranscript,
    CallerTranscriptDelta,
    CallerTranscriptFailed,
    CallerTranscriptUpdated,
    ContentPart,
    ErrorDetail,
    InputCleared,
    InputCommitted,
    InputTimedOut,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemState,
    RecognitionUsage,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
)
from voice_codecs import PCM16_24K, PCMU_8K, AudioFormat

SPOKEN = [ContentPart("input_audio")]


def announce(conversation: RealtimeConversation, item_id: str, content: list[ContentPart] = SPOKEN) -> Item:
    item, _ = conversation.process_event(ItemAdded(ItemState(item_id, role="user", content=content)))
    assert item is not None
    return item


def speak(conversation: RealtimeConversation, n_ms: int, byte: int = 1, size: int = 48) -> None:
    conversation.append_input_audio(bytes([byte]) * size * n_ms)


# --- Transcripts ---


def test_transcript_that_arrives_before_its_item_is_kept() -> None:
    conversation = RealtimeConversation()
    assert conversation.process_event(CallerTranscript("u", "Good morning")) == (None, None)
    assert conversation.get_items() == []

    item = announce(conversation, "u")

    assert (item.role, item.formatted.transcript, item.transcribed) == ("user", "Good morning", True)
    assert item.content[0].transcript == "Good morning"
    assert conversation.get_items() == [item]


def test_transcript_in_a_later_part_comes_to_that_part() -> None:
    conversation = RealtimeConversation()
    item = announce(conversation, "u")
    conversation.process_event(CallerTranscript("u", "Hello", content_index=1))

    assert item.content[1].transcript == item.formatted.transcript == "Hello"


def test_recognition_that_grows_is_replaced_by_the_final_transcript() -> None:
    conversation = RealtimeConversation()
    announce(conversation, "u")
    _, grown = conversation.process_event(CallerTranscriptDelta("u", "God mor"))
    item, delta = conversation.process_event(CallerTranscript("u", "Good morning"))

    assert item is not None
    assert item.formatted.transcript == "Good morning"
    assert (grown, delta) == (Delta(transcript="God mor"), Delta(transcript="Good morning"))
    assert conversation.process_event(CallerTranscriptDelta("u", " late")) == (None, None)
    assert item.formatted.transcript == "Good morning"


def test_empty_delta_of_a_transcript_adds_nothing() -> None:
    conversation = RealtimeConversation()
    announce(conversation, "u")

    assert conversation.process_event(CallerTranscriptDelta("u", None)) == (None, None)


def test_empty_transcript_differs_from_none_yet() -> None:
    conversation = RealtimeConversation()
    item = announce(conversation, "u")
    assert (item.formatted.transcript, item.transcribed) == ("", False)

    _, delta = conversation.process_event(CallerTranscript("u", ""))

    assert (item.formatted.transcript, item.transcribed) == ("", True)
    assert delta == Delta(transcript="")


def test_transcript_null_in_the_final_item_does_not_wipe_the_one_that_came() -> None:
    conversation = RealtimeConversation()
    item = announce(conversation, "u")
    conversation.process_event(CallerTranscript("u", "Good morning"))
    conversation.process_event(ItemDone(ItemState("u", role="user", status="completed", content=SPOKEN)))

    assert item.formatted.transcript == "Good morning"


def test_cumulative_transcripts_report_what_they_add() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(CallerTranscriptUpdated("u", "Good"))
    item = announce(conversation, "u")

    deltas = [
        conversation.process_event(CallerTranscriptUpdated("u", text))[1]
        for text in ("Good morning", "Good morning", "God morning")
    ]

    assert deltas == [Delta(transcript=" morning"), None, None]
    assert item.formatted.transcript == "God morning"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ErrorDetail("no", "server_error", "audio_unintelligible"), "audio_unintelligible"),
        (ErrorDetail("no", "server_error"), "server_error"),
        (ErrorDetail("x" * 1000), "x" * 200),
        (ErrorDetail(), "unknown"),
        (None, "unknown"),
    ],
)
def test_failed_recognition_marks_the_item_until_a_transcript_comes(
    error: ErrorDetail | None, reason: str
) -> None:
    conversation = RealtimeConversation()
    item = announce(conversation, "u")

    assert conversation.process_event(CallerTranscriptFailed("u", error)) == (item, None)
    assert (item.transcription_error, item.transcribed) == (reason, False)
    conversation.process_event(CallerTranscript("u", "Hello"))
    assert (item.transcription_error, item.transcribed) == (None, True)


def test_recognition_is_billed_once_per_transcript_by_tokens_or_seconds() -> None:
    conversation = RealtimeConversation()
    tokens = RecognitionUsage("tokens", 5, 3, 2)
    for item_id in ("a", "b", "b"):
        conversation.process_event(CallerTranscript(item_id, "x", usage=tokens))
    conversation.process_event(CallerTranscript("c", "x", usage=RecognitionUsage("duration", seconds=2.0)))
    conversation.process_event(CallerTranscript("d", "x"))

    assert conversation.transcription_usage == TranscriptionUsage(10, 6, 4, 2.0)
    for _ in range(2):
        conversation.process_event(CallerTranscript("", "x", usage=tokens))
    assert conversation.transcription_usage.total_tokens == 20


@pytest.mark.parametrize(
    "event",
    [
        CallerTranscriptDelta("", "x"),
        CallerTranscriptUpdated("", "x"),
        CallerTranscript("", "x"),
        CallerTranscriptFailed(""),
        SpeechStarted("", 5),
        SpeechStopped("", 5),
        InputTimedOut("", 5, 9),
        InputCommitted(""),
        InputCommitted("unknown"),
        InputCleared(),
    ],
)
def test_news_of_the_caller_without_an_item_change_nothing(event: ServerEvent) -> None:
    conversation = RealtimeConversation()

    assert conversation.process_event(event) == (None, None)
    assert conversation.get_items() == []


def test_transcript_of_a_deleted_item_does_not_bring_it_back() -> None:
    conversation = RealtimeConversation()
    announce(conversation, "u")
    conversation.process_event(ItemDeleted("u"))

    assert conversation.process_event(CallerTranscript("u", "late")) == (None, None)
    assert announce(conversation, "u").formatted.transcript == ""


# --- Speech and its audio ---


def test_speech_before_its_item_marks_it_without_making_it() -> None:
    conversation = RealtimeConversation()
    assert conversation.process_event(SpeechStarted("u", 100)) == (None, None)
    assert conversation.process_event(SpeechStopped("u", 900)) == (None, None)
    assert conversation.get_items() == []

    item = announce(conversation, "u")

    assert (item.role, item.audio_start_ms, item.audio_end_ms) == ("user", 100, 900)


def test_speech_after_its_item_marks_it_too() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    item = announce(conversation, "u")
    speak(conversation, 50)
    conversation.process_event(SpeechStarted("u", 10))
    conversation.process_event(SpeechStopped("u", 30))

    assert (item.audio_start_ms, item.audio_end_ms, item.formatted.audio_ms) == (10, 30, 20)
    assert len(item.formatted.audio) == 960


def test_stop_without_a_start_is_an_empty_speech_until_the_start_comes() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    speak(conversation, 100)
    conversation.process_event(SpeechStopped("u", 90))
    item = announce(conversation, "u")
    assert (item.audio_start_ms, item.audio_end_ms, len(item.formatted.audio)) == (90, 90, 0)

    conversation.process_event(SpeechStarted("u", 40))
    assert (item.audio_start_ms, item.formatted.audio_ms, len(item.formatted.audio)) == (40, 50, 2400)


@pytest.mark.parametrize("audio_format", [PCM16_24K, PCMU_8K])
def test_speech_gets_the_audio_between_its_milliseconds(audio_format: AudioFormat) -> None:
    conversation = RealtimeConversation(keep_audio=True, input_format=audio_format)
    size = audio_format.ms_to_bytes(1)
    for n in range(200):
        speak(conversation, 10, byte=n, size=size)
    conversation.process_event(SpeechStarted("u", 1000))
    conversation.process_event(SpeechStopped("u", 1500))

    item = announce(conversation, "u")

    assert item.formatted.n_audio_bytes == len(item.formatted.audio) == 500 * size
    assert item.formatted.audio_ms == 500
    assert item.formatted.audio[:1] == bytes([100])
    assert item.formatted.audio[-1:] == bytes([149])


def test_offsets_count_from_the_start_of_the_session_over_all_commits() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    for n, item_id in enumerate("abc"):
        speak(conversation, 1000, byte=n)
        conversation.process_event(SpeechStarted(item_id, 1000 * n + 200))
        conversation.process_event(SpeechStopped(item_id, 1000 * n + 700))
        conversation.process_event(InputCommitted(item_id))
        assert announce(conversation, item_id).formatted.audio == bytes([n]) * 48 * 500


def test_speech_without_audio_has_an_empty_one_and_is_measured_all_the_same() -> None:
    conversation = RealtimeConversation()
    speak(conversation, 1000)
    conversation.process_event(SpeechStarted("u", 100))
    conversation.process_event(SpeechStopped("u", 900))
    item = announce(conversation, "u")

    assert (len(item.formatted.audio), item.formatted.audio_ms) == (0, 800)


def test_speech_beyond_the_audio_that_was_sent_ends_where_that_ends() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    speak(conversation, 100)
    conversation.process_event(SpeechStarted("u", 50))
    conversation.process_event(SpeechStopped("u", 10**6))

    assert announce(conversation, "u").formatted.audio_ms == 50


def test_silence_that_timed_out_is_measured_like_speech() -> None:
    conversation = RealtimeConversation()
    speak(conversation, 100)
    conversation.process_event(InputTimedOut("u", 20, 80))
    item = announce(conversation, "u")

    assert (item.audio_start_ms, item.audio_end_ms, item.formatted.audio_ms) == (20, 80, 60)


# --- Manual commits ---


@pytest.mark.parametrize("keep", [False, True])
def test_audio_of_a_manual_commit_goes_to_the_next_user_item(keep: bool) -> None:
    conversation = RealtimeConversation(keep_audio=keep)
    audio = bytes([7]) * 480
    assert conversation.queue_input_audio(audio) is audio
    conversation.process_event(InputCommitted("u"))
    conversation.process_event(ItemAdded(ItemState("answer", role="assistant")))
    typed = announce(conversation, "typed", [ContentPart("input_text", "Hi")])
    item = announce(conversation, "u")
    later = announce(conversation, "v", [])

    assert typed.formatted.n_audio_bytes == later.formatted.n_audio_bytes == 0
    assert (item.formatted.n_audio_bytes, item.formatted.audio_ms) == (480, 10)
    assert item.formatted.audio == (audio if keep else b"")


def test_audio_of_two_commits_goes_to_their_two_items() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    conversation.queue_input_audio(bytes([1]) * 48)
    conversation.queue_input_audio(bytes([2]) * 48)
    announced = [announce(conversation, item_id) for item_id in "ab"]
    announce(conversation, "a")

    assert [bytes(item.formatted.audio[:1]) for item in announced] == [b"\1", b"\2"]


def test_detected_speech_does_not_take_the_audio_of_a_manual_commit() -> None:
    conversation = RealtimeConversation()
    conversation.queue_input_audio(bytes(480))
    speak(conversation, 100)
    conversation.process_event(SpeechStarted("u", 0))
    conversation.process_event(SpeechStopped("u", 50))

    assert announce(conversation, "u").formatted.audio_ms == 50
    assert announce(conversation, "manual").formatted.audio_ms == 10


# --- Sessions and bounds ---


def test_new_session_counts_from_zero_and_drops_what_waited_for_its_item() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    speak(conversation, 1000)
    conversation.process_event(SpeechStarted("u", 100))
    conversation.process_event(SpeechStopped("u", 900))
    conversation.process_event(CallerTranscript("u", "Hello"))
    conversation.queue_input_audio(bytes(480))
    conversation.begin_session()

    item = announce(conversation, "u")
    assert (item.formatted.transcript, item.audio_start_ms, item.formatted.n_audio_bytes) == ("", None, 0)
    assert item.generation == 1
    speak(conversation, 100, byte=9)
    conversation.process_event(SpeechStarted("v", 40))
    conversation.process_event(SpeechStopped("v", 60))
    assert announce(conversation, "v").formatted.audio == bytes([9]) * 960


def test_what_waits_for_its_item_is_bounded() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    speak(conversation, 1000)
    for n in range(MAX_EARLY + 1):
        conversation.process_event(InputTimedOut(f"u{n}", 0, 1000))
        conversation.process_event(CallerTranscript(f"u{n}", "Hello"))

    assert announce(conversation, "u0").formatted.transcript == ""
    assert announce(conversation, f"u{MAX_EARLY}").formatted.transcript == "Hello"


def test_model_audio_for_the_callers_item_is_taken_as_the_models() -> None:
    conversation = RealtimeConversation()
    conversation.process_event(CallerTranscript("i", "Hello"))
    item, _ = conversation.process_event(AudioDelta("i", bytes(48)))

    assert item is not None
    assert (item.role, item.formatted.transcript) == ("assistant", "Hello")
