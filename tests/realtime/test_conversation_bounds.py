"""What a conversation holds stays bounded and consistent, whatever comes and for however long."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RemoteProtocolError
from gateway.realtime.conversation import MAX_ITEMS, RealtimeConversation
from gateway.realtime.events import (
    AudioDelta,
    BetaAudioDelta,
    CallerTranscript,
    CallerTranscriptDelta,
    ContentPart,
    InputCommitted,
    ItemAdded,
    ItemDone,
    ItemState,
    ItemTruncated,
    OutputItemAdded,
    OutputItemDone,
    RecognitionUsage,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    Usage,
    decode_event,
)
from gateway.realtime.items import Item
from gateway.realtime.kept_audio import MAX_KEPT_BYTES, KeptAudio

FRAME = bytes(960)
N_TURNS = 3000


def turn(conversation: RealtimeConversation, n: int) -> None:
    """1.2 s of a call: the caller says something, the model answers and is cut every third time."""
    start = 1200 * n
    for _ in range(60):
        conversation.append_input_audio(FRAME)
    question, answer, response = f"u{n}", f"a{n}", f"r{n}"
    events: tuple[ServerEvent, ...] = (
        SpeechStarted(question, start),
        SpeechStopped(question, start + 600),
        CallerTranscriptDelta(question, "What are "),
        InputCommitted(question),
        ItemAdded(ItemState(question, role="user", content=[ContentPart("input_audio")]), f"a{n - 1}"),
        CallerTranscript(question, "What are your hours?", usage=RecognitionUsage("tokens", 5, 3, 2)),
        ResponseCreated(ResponseState(response)),
        OutputItemAdded(ItemState(answer, role="assistant"), response),
        ItemAdded(ItemState(answer, role="assistant"), question),
        *(TranscriptDelta(answer, "We open ", response) for _ in range(3)),
        *(AudioDelta(answer, bytes(9600), response) for _ in range(3)),
        *([ItemTruncated(answer, 300)] if n % 3 == 0 else []),
        OutputItemDone(ItemState(answer, role="assistant", status="completed"), response),
        ResponseDone(ResponseState(response, "completed", usage=Usage(5, 3, 2))),
    )
    for event in events:
        conversation.process_event(event)


def held(conversation: RealtimeConversation) -> tuple[int, int, int]:
    """Items, characters and bytes of audio that are held."""
    items = conversation.get_items()
    return (
        len(items),
        sum(len(item.formatted.transcript) + sum(len(p.transcript) for p in item.content) for item in items),
        sum(len(item.formatted.audio) for item in items) + conversation._caller.input.n_kept_bytes,
    )


@pytest.mark.parametrize("keep", [False, True])
def test_an_hour_of_turns_does_not_grow_what_is_held(keep: bool) -> None:
    conversation = RealtimeConversation(keep_audio=keep)
    for n in range(N_TURNS // 2):
        turn(conversation, n)
    halfway = held(conversation)
    for n in range(N_TURNS // 2, N_TURNS):
        turn(conversation, n)

    n_items, n_characters, n_bytes = held(conversation)
    assert n_items == halfway[0] == MAX_ITEMS
    assert abs(n_characters - halfway[1]) < 200
    assert (n_bytes == 0) is not keep
    assert abs(n_bytes - halfway[2]) < 200_000
    assert n_bytes < MAX_KEPT_BYTES + 60_000 * 48
    assert conversation.usage.total_tokens == conversation.transcription_usage.total_tokens == 5 * N_TURNS
    assert conversation.get_response("r0") is None
    remembered = (conversation._items._gone, conversation._caller._recognised, conversation._items._early)
    assert max(len(ids) for ids in remembered) <= 256


def test_items_that_got_their_audio_first_lose_it_first() -> None:
    kept = KeptAudio()
    first, second = Item("a"), Item("b")
    kept.add(first, bytes(1000))
    kept.add(second, bytes(MAX_KEPT_BYTES - 500))

    assert (len(first.formatted.audio), kept.n_bytes) == (0, MAX_KEPT_BYTES - 500)
    kept.add(second, bytes(1000))
    assert len(second.formatted.audio) == kept.n_bytes == MAX_KEPT_BYTES
    kept.cut(second, 100)
    assert len(second.formatted.audio) == kept.n_bytes == 100
    kept.cut(second, 200)
    kept.release(second)
    kept.release(second)
    assert (len(second.formatted.audio), kept.n_bytes) == (100, 0)


def test_application_that_empties_an_items_audio_does_no_harm() -> None:
    kept = KeptAudio()
    first, second = Item("a"), Item("b")
    kept.add(first, bytes(MAX_KEPT_BYTES))
    first.formatted.audio.clear()
    kept.add(second, bytes(1000))
    assert kept.n_bytes == len(second.formatted.audio) == 1000


NAMES = [str(kind.__struct_config__.tag) for kind in ServerEvent.__args__]
SHORT_ID = st.sampled_from(["", "a", "b", "c", "root"])
ODD: st.SearchStrategy[Any] = st.one_of(
    SHORT_ID,
    st.none(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)
PART = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "audio", "input_text", "input_audio", "output_audio"]),
        "text": st.one_of(st.none(), st.text(max_size=5)),
        "transcript": st.one_of(st.none(), st.text(max_size=5)),
    },
)
ITEM = st.fixed_dictionaries(
    {"id": SHORT_ID},
    optional={
        "type": st.sampled_from(["message", "function_call", "function_call_output", "mcp_call"]),
        "role": st.sampled_from(["user", "assistant", "system", None]),
        "status": st.sampled_from(["in_progress", "completed", "incomplete", None]),
        "content": st.one_of(st.none(), st.lists(PART, max_size=3)),
        "arguments": st.text(max_size=5),
        "output": st.text(max_size=5),
    },
)
RESPONSE = st.fixed_dictionaries(
    {"id": SHORT_ID},
    optional={
        "status": st.sampled_from(["in_progress", "completed", "cancelled", "failed"]),
        "conversation_id": st.sampled_from([None, "conv"]),
        "output": st.lists(ITEM, max_size=2),
        "usage": st.just({"total_tokens": 1, "input_token_details": {"text_tokens": None}}),
    },
)
EVENT = st.fixed_dictionaries(
    {"type": st.sampled_from([*NAMES, "weather.changed"])},
    optional={
        "item_id": SHORT_ID,
        "response_id": SHORT_ID,
        "previous_item_id": st.one_of(st.none(), SHORT_ID),
        "content_index": st.integers(-2, 100),
        "delta": st.sampled_from(["AAAA", "AA==", "", None, "*"]),
        "item": ITEM,
        "part": PART,
        "response": RESPONSE,
        "transcript": st.text(max_size=5),
        "text": st.text(max_size=5),
        "audio_start_ms": st.one_of(st.integers(-10, 200), st.floats()),
        "audio_end_ms": st.one_of(st.integers(-10, 200), st.floats()),
        "error": st.just({"code": "no"}),
        "usage": st.just({"seconds": 1.5}),
    },
)
MANGLED = st.builds(lambda event, key, value: {**event, key: value}, EVENT, st.sampled_from(["type", "item_id", "item", "delta", "response", "audio_end_ms", "part"]), ODD)  # fmt: skip
STEP = st.one_of(EVENT, EVENT, MANGLED, st.sampled_from(["session", "audio", "queue", "clear"]))


def take(conversation: RealtimeConversation, step: Any) -> None:
    if step == "session":
        conversation.begin_session()
    elif step == "audio":
        conversation.append_input_audio(FRAME)
    elif step == "queue":
        conversation.queue_input_audio(FRAME)
    elif step == "clear":
        conversation.clear()
    else:
        with contextlib.suppress(RemoteProtocolError):
            item, delta = conversation.process_event(step)
            assert delta is None or item is not None
            assert item is None or item.id


@settings(max_examples=300)
@given(st.lists(STEP, max_size=40), st.booleans())
def test_any_sequence_of_events_keeps_the_conversation_consistent(steps: list[Any], keep: bool) -> None:
    conversation = RealtimeConversation(keep_audio=keep)
    for step in steps:
        take(conversation, step)

    items = conversation._items
    assert len(items._order) == len(set(items._order))
    assert set(items._order) == set(items._items)
    assert items._unplaced <= set(items._order)
    assert not set(items._early) & set(items._order)
    everything = [*items._items.values(), *items._early.values()]
    assert items.kept.n_bytes == sum(len(item.formatted.audio) for item in everything)
    for item in everything:
        assert item.formatted.text == "".join(part.text for part in item.content)
        assert item.formatted.transcript == "".join(part.transcript for part in item.content)
        assert len(item.formatted.audio) <= item.formatted.n_audio_bytes


@given(EVENT | MANGLED)
def test_event_means_the_same_as_text_and_as_a_dict(event: dict[str, Any]) -> None:
    outcomes: list[object] = []
    for source in (event, lambda: decode_event(json.dumps(event))):
        try:
            typed = source if isinstance(source, dict) else source()
            conversation = RealtimeConversation()
            conversation.process_event(typed)
            outcomes.append(conversation.get_items())
        except RemoteProtocolError:
            outcomes.append(RemoteProtocolError)
    if "NaN" not in json.dumps(event) and "Infinity" not in json.dumps(event):
        assert outcomes[0] == outcomes[1]


def test_beta_audio_is_as_bounded_as_the_current_one() -> None:
    conversation = RealtimeConversation(keep_audio=True)
    for n in range(20):
        conversation.process_event(BetaAudioDelta(f"i{n}", bytes(1_000_000)))
        conversation.process_event(ItemDone(ItemState(f"i{n}", role="assistant")))

    assert held(conversation)[2] <= MAX_KEPT_BYTES
    assert msgspec.structs.asdict(BetaAudioDelta("i"))["delta"] == b""
