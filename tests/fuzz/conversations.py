"""Random conversations: what may be done to a RealtimeConversation, and what must be true of it afterwards."""

import base64
from dataclasses import astuple
from random import Random
from typing import Any

from gateway.errors import RemoteProtocolError
from gateway.realtime.conversation import (
    MAX_EARLY,
    MAX_ITEM_TEXT,
    MAX_ITEMS,
    MAX_PARTS,
    Item,
    RealtimeConversation,
)
from gateway.realtime.events import convert_event
from gateway.realtime.input_audio import MAX_KEPT_MS
from gateway.realtime.item_list import MAX_REMEMBERED
from gateway.realtime.items import MAX_MS
from gateway.realtime.kept_audio import MAX_KEPT_BYTES
from gateway.realtime.responses import MAX_RESPONSE_ITEMS, MAX_RESPONSES
from tests.fuzz.mutations import Event, odd_event
from voice_codecs import PCM16_24K

Step = tuple[str, Any]
"""``dict`` or ``typed`` with an event, ``append`` or ``queue`` with bytes of audio, ``begin_session``, ``clear``."""
_ID_KEYS = frozenset({"item_id", "previous_item_id", "response_id", "id", "call_id"})


def random_steps(random: Random) -> list[Step]:
    """A conversation of some length, over few ids or over many."""
    n_ids = random.choice((3, 8, 8, 2000))
    n_steps = random.choice((10, 60, 60, 200)) if n_ids < 2000 else random.choice((60, 3000))
    odd = random.choice((0.0, 0.1, 0.5))
    return [_step(random, n_ids, odd) for _ in range(n_steps)]


def _step(random: Random, n_ids: int, odd: float) -> Step:
    chance = random.random()
    if chance < 0.006:
        return "begin_session", None
    if chance < 0.008:
        return "clear", None
    if chance < 0.04:
        return "append", random.choice((960, 960, 48_000, 480_000))
    if chance < 0.05:
        return "queue", random.choice((0, 4800, 96_000))
    event = odd_event(random, random.randint(1, 3) if random.random() < odd else 0)
    _name(event, random, n_ids)
    if event.get("type") in ("response.output_audio.delta", "response.audio.delta") and random.random() < 0.9:
        event["delta"] = base64.b64encode(bytes(random.choice((0, 3, 960, 9600)))).decode()
    return random.choice(("dict", "typed")), event


def _name(value: Any, random: Random, n_ids: int) -> None:
    """Give things ids of the same few, so that events are about each other."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        for key, each in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if key in _ID_KEYS and isinstance(each, str) and each and random.random() < 0.98:
                holder[key] = _id(random, n_ids)
            elif isinstance(each, dict | list):
                waiting.append(each)


def _id(random: Random, n_ids: int) -> str:
    return random.choice(("root", "", "note_1")) if random.random() < 0.02 else f"i{random.randrange(n_ids)}"


class Follower:
    """A conversation that is looked at after every step; an AssertionError is a broken invariant."""

    def __init__(self, *, keep_audio: bool) -> None:
        self.conversation = RealtimeConversation(keep_audio=keep_audio)
        self.n_refused = 0
        """Dicts that were no server events."""
        self._n_steps = 0

    def take(self, step: Step) -> None:
        """Do one step."""
        kind, value = step
        match kind:
            case "dict" | "typed":
                self._event(value, typed=kind == "typed")
            case "append":
                self.conversation.append_input_audio(bytes(value))
            case "queue":
                self.conversation.queue_input_audio(bytes(value))
            case "begin_session":
                before = self.conversation.generation
                assert self.conversation.begin_session() == before + 1
                assert all(item.is_final for item in self.conversation._items), "unfinished in a new session"
            case _:
                self.conversation.clear()
                assert not self.conversation.get_items()
        self._n_steps += 1
        if self._n_steps % 100 == 0:
            check(self.conversation)

    def _event(self, event: Event, *, typed: bool) -> None:
        try:
            read = convert_event(event)
        except RemoteProtocolError as exc:
            check_refusal(exc)
            self.n_refused += 1
            return
        item, _ = self.conversation.process_event(read if typed else event)
        if item is not None:
            check_item(item)


def check(conversation: RealtimeConversation) -> None:
    """Look at everything: order, bounds, sums."""
    items, caller, kept = conversation._items, conversation._caller, conversation._items.kept
    order = items._order
    assert len(order) == len(set(order)) <= MAX_ITEMS, "order"
    assert set(order) == set(items._items), "order and items differ"
    assert items._unplaced <= set(order), "unplaced items that are gone"
    assert len(items._early) <= MAX_EARLY, "early"
    assert not set(items._early) & set(order), "early and announced"
    assert max(len(items._gone), len(caller._recognised)) <= MAX_REMEMBERED, "remembered"
    responses = conversation._responses._responses
    assert len(responses) <= MAX_RESPONSES, "responses"
    assert all(len(each.item_ids) <= MAX_RESPONSE_ITEMS for each in responses.values()), "items of a response"
    assert all(len(each.metadata) <= 16 for each in responses.values()), "metadata"
    for item in [*items._items.values(), *items._early.values()]:
        check_item(item)
        assert len(item.formatted.audio) == kept._size(item) or item.id not in kept._holders, "kept audio"
    held = sum(size for _, size in kept._holders.values())
    assert kept.n_bytes == held <= MAX_KEPT_BYTES, "sum of kept audio"
    assert set(kept._holders) <= set(order) | set(items._early), "audio kept of items that are gone"
    assert caller.input.n_kept_bytes <= PCM16_24K.ms_to_bytes(MAX_KEPT_MS), "input audio"
    _check_usage(conversation)


def check_item(item: Item) -> None:
    """Look at one item: its texts are those of its parts, and nothing is out of bounds."""
    formatted, tool = item.formatted, item.formatted.tool
    assert len(item.content) <= MAX_PARTS, "parts"
    assert formatted.text == "".join(part.text for part in item.content), "text"
    assert formatted.transcript == "".join(part.transcript for part in item.content), "transcript"
    texts = (formatted.text, formatted.transcript, formatted.output, tool.arguments if tool else "")
    assert max(map(len, texts)) <= MAX_ITEM_TEXT, "longest text"
    assert len(item.id) <= 512, "id"
    assert 0 <= len(formatted.audio) <= formatted.n_audio_bytes, "audio"
    assert formatted.audio_ms == PCM16_24K.bytes_to_ms(formatted.n_audio_bytes), "audio_ms"
    for position in (item.audio_start_ms, item.audio_end_ms, item.heard_ms, item.said_ms):
        assert position is None or (isinstance(position, int) and 0 <= position <= MAX_MS), "a position"


def _check_usage(conversation: RealtimeConversation) -> None:
    figures = (*astuple(conversation.usage), *astuple(conversation.transcription_usage))
    assert all(0 <= figure < float("inf") for figure in figures), f"usage {figures}"


def check_refusal(refusal: RemoteProtocolError) -> None:
    """See that it can be logged: short, and without control characters."""
    assert len(str(refusal)) < 200, "a long message"
    assert str(refusal).isprintable(), "a message that cannot be printed"


def run_steps(steps: list[Step], *, keep_audio: bool) -> Follower:
    """Go through a conversation from its beginning."""
    follower = Follower(keep_audio=keep_audio)
    for step in steps:
        follower.take(step)
    check(follower.conversation)
    return follower
