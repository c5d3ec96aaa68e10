"""Feed sessions of the embedded server with random client events, words, sounds and clock steps.

``python -m tests.fuzz.session --seconds 120``. Every session follows from the seed and its number alone.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from gateway.local_realtime import Answer, ToolCall, Turn
from gateway.local_realtime.recognitions import Recognition
from gateway.local_realtime.responses import Speaking
from tests.local_realtime.sessions import Event, Talk, function, recorded_call, typed

CALL = recorded_call()
N_STEPS = 60
WORDS = ("", "yes", "one two three", "one two four five six", "Hello.")
PARAMS: Sequence[Event] = (
    {},
    {},
    {"conversation": "none"},
    {"conversation": "none", "input": [typed("hello")], "metadata": {"topic": "x"}},
    {"max_output_tokens": 8},
    {"output_modalities": ["text"]},
    {"tool_choice": "required", "tools": [function("weather")]},
    {"tool_choice": "required", "tools": []},
)
SESSIONS: Sequence[Event] = (
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}},
    {"audio": {"input": {"transcription": {"model": "t"}}}},
    {"audio": {"input": {"transcription": {"model": "t"}}}},
    {"audio": {"input": {"transcription": None}}},
    {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}},
    {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
    {"audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "cedar", "speed": 1.5}}},
    {"output_modalities": ["text"]},
    {"output_modalities": ["audio"]},
    {"instructions": "x", "temperature": 1},
)


class WordVoice:
    """Cuts a text into words; whoever drives the session makes up their sound."""

    def pieces(self, text: str) -> list[str]:
        first, *others = text.split(" ")
        return [first, *(" " + word for word in others)]

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        raise AssertionError(f"nobody asked for the sound of {piece!r} at {speed}")


class RandomPersona:
    """Says anything, or nothing, or calls."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def answer(self, turn: Turn) -> Answer:
        calls = [ToolCall(name, '{"city": "Rome"}') for name in turn.required_tools]
        return Answer(self._random.choice(WORDS), tuple(calls), self._random.choice((None, 0.0, 1.5)))


class Ledger:
    """Holds what the session tells against what it told before."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.responses: set[str] = set()
        """Those in progress."""
        self.items: set[str] = set()
        """Those in the conversation."""
        self.given_ids: set[str] = set()
        """What the client called its items; an item of the session's own takes its id back."""
        self._event_ids: set[str] = set()
        self._ever: set[str] = set()
        self._streams: dict[str, str] = {}
        """What deltas told of an output item, until it is done."""
        self._heard: dict[str, str] = {}
        self._told: set[str] = set()
        """Items whose words are told for good."""

    def take(self, events: list[Event]) -> None:
        """Check events in the order in which they are sent."""
        for event in events:
            kind = event["type"]
            self.kinds[kind] += 1
            assert event["event_id"] not in self._event_ids, "an event id came twice"
            self._event_ids.add(event["event_id"])
            if kind.startswith("response."):
                self._response(kind, event)
            elif "input_audio_transcription" in kind:
                self._words(kind, event)
            elif kind.startswith("conversation.item."):
                self._item(kind, event)

    def _response(self, kind: str, event: Event) -> None:
        if kind == "response.created":
            response_id = event["response"]["id"]
            assert response_id not in self._ever, "a response began twice"
            self._ever.add(response_id)
            self.responses.add(response_id)
        elif kind == "response.done":
            self.responses.remove(event["response"]["id"])
            for item in event["response"]["output"]:
                assert item["id"] not in self._streams, "an item is open after its response"
        else:
            assert event["response_id"] in self.responses, f"{kind} outside its response"
            self._output(kind, event)

    def _output(self, kind: str, event: Event) -> None:
        if kind == "response.output_item.added":
            assert event["item"]["id"] not in self._ever - self.given_ids, "an item began twice"
            self._ever.add(event["item"]["id"])
            self._streams[event["item"]["id"]] = ""
        elif kind == "response.output_item.done":
            del self._streams[event["item"]["id"]]
        elif kind.endswith(".delta"):
            told = "" if kind == "response.output_audio.delta" else event["delta"]
            self._streams[event["item_id"]] += told
        else:
            whole = next((event[name] for name in ("transcript", "text", "arguments") if name in event), None)
            assert whole in (None, self._streams[event["item_id"]]), "the end differs from the deltas"

    def _words(self, kind: str, event: Event) -> None:
        item_id = event["item_id"]
        assert item_id not in self._told, f"{kind} after the end"
        if kind.endswith(".delta"):
            self._heard[item_id] = self._heard.get(item_id, "") + event["delta"]
        else:
            self._told.add(item_id)
            assert item_id in self._ever, "words of no item"

    def _item(self, kind: str, event: Event) -> None:
        item_id = event["item_id"] if "item_id" in event else event["item"]["id"]
        if kind == "conversation.item.added":
            assert item_id not in self.items - self.given_ids, "an item was added twice"
            self.items.add(item_id)
            self._ever.add(item_id)
            self._told.discard(item_id)
        elif kind == "conversation.item.deleted":
            self.items.remove(item_id)
        elif kind != "conversation.item.done":
            assert item_id in self.items, f"{kind} of no item"


class Driver:
    """One session, its client, and the world round it."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.ledger = Ledger()
        voice, persona = WordVoice(), RandomPersona(random)
        self._talk = Talk(voice, persona=persona, recognises=random.random() < 0.8, speaks=False)
        self._recognitions: list[Recognition] = []
        self._speaking: list[tuple[Speaking, int]] = []
        self._at = 8 * random.randrange(2000)
        self._talk.update(audio={"input": {"transcription": {"model": "t"}}})
        self._steps: list[tuple[int, Callable[[], list[Event]]]] = [
            (10, self._audio),
            (8, self._wait),
            (6, self._recognised),
            (8, self._spoken),
            (4, lambda: self._send("response.create", response=random.choice(PARAMS))),
            (
                2,
                lambda: self._send("session.update", session={"type": "realtime", **random.choice(SESSIONS)}),
            ),
            (2, lambda: self._send("response.cancel", **random.choice(({}, {"response_id": self._any()})))),
            (2, lambda: self._send("input_audio_buffer.commit")),
            (1, lambda: self._send("input_audio_buffer.clear")),
            (2, self._create_item),
            (1, lambda: self._send("conversation.item.retrieve", item_id=self._any())),
            (2, lambda: self._send("conversation.item.delete", item_id=self._any())),
            (2, self._truncate),
        ]

    def run(self) -> None:
        """Go through one session, and then let it finish what it began."""
        weights = [weight for weight, _ in self._steps]
        for _ in range(N_STEPS):
            (step,) = self._random.choices([step for _, step in self._steps], weights)
            self._take(step())
        self._take(self._send("session.update", session={"type": "realtime", **SESSIONS[0]}))
        while self._recognitions or self._speaking:
            self._take(self._recognised() + self._spoken())
        self._take(self._talk.wait(60.0))
        assert not self.ledger.responses, "a response never ended"

    def _take(self, events: list[Event]) -> None:
        self.ledger.take(events)
        self._recognitions += self._talk.session.take_recognitions()
        self._speaking += [(speaking, 0) for speaking in self._talk.session.take_speaking()]

    def _send(self, kind: str, **fields: Any) -> list[Event]:
        return self._talk.send(kind, **fields)

    def _any(self) -> str:
        """An id that may be known, or not."""
        known = sorted(self.ledger.items | self.ledger.responses)
        return self._random.choice([*known, f"item_abcdef{self._random.randrange(20):06d}", "nothing"])

    def _audio(self) -> list[Event]:
        n_bytes = 8 * self._random.choice((20, 200, 1000, 2500))
        chunk, self._at = CALL[self._at : self._at + n_bytes], (self._at + n_bytes) % len(CALL)
        return self._talk.append(chunk) if chunk else []

    def _wait(self) -> list[Event]:
        return self._talk.wait(self._random.choice((0.0, 0.05, 0.3, 6.0)))

    def _recognised(self) -> list[Event]:
        if not self._recognitions:
            return []
        recognition = self._recognitions.pop(self._random.randrange(len(self._recognitions)))
        session = self._talk.session
        if self._random.random() < 0.2:
            return self._talk.parsed(session.not_recognised(recognition, "overloaded", "Too much."))
        return self._talk.parsed(session.recognised(recognition, self._random.choice(WORDS)))

    def _spoken(self) -> list[Event]:
        if not self._speaking:
            return []
        speaking, n_spoken = self._speaking.pop(self._random.randrange(len(self._speaking)))
        session = self._talk.session
        if self._random.random() < 0.05:
            return self._talk.parsed(session.not_spoken(speaking.response_id, "It cannot be said."))
        if n_spoken + 1 < len(speaking.pieces):
            self._speaking.append((speaking, n_spoken + 1))
        sound = bytes(2 * self._random.choice((0, 100, 7200, 12_001)))
        return self._talk.parsed(session.spoken(speaking.response_id, sound, self._talk.now))

    def _create_item(self) -> list[Event]:
        content: Event = {"type": "input_audio", "audio": "/////" * 400}
        item = self._random.choice((typed("hello"), {**typed(""), "content": [content]}))
        own_id = {"id": self._any()} if self._random.random() < 0.5 else {}
        self.ledger.given_ids.update(own_id.values())
        return self._send("conversation.item.create", item={**item, **own_id})

    def _truncate(self) -> list[Event]:
        ms = self._random.choice((0, 200, 1000))
        return self._send("conversation.item.truncate", item_id=self._any(), content_index=0, audio_end_ms=ms)


def run_session(seed: int, number: int) -> Counter[str]:
    """Go through one session; give how often it sent which events."""
    driver = Driver(Random(f"{seed}:{number}"))
    try:
        driver.run()
    except Exception as exc:
        exc.add_note(f"seed {seed}, number {number}")
        raise
    return driver.ledger.kinds


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    kinds: Counter[str] = Counter()
    began_at, number = time.monotonic(), 0
    while time.monotonic() - began_at < options.seconds:
        kinds += run_session(options.seed, number)
        number += 1
    print(f"{number} sessions of {N_STEPS} steps, {kinds.total()} events")
    for kind, n in kinds.most_common():
        print(f"{n:8d}  {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
