"""Coughs, words, keys and answers in any order: what the model is told must be possible."""

import random
from dataclasses import dataclass, field

from gateway.bridge import Bridge
from gateway.commands import ClearAudio, Command, DeleteItem, PlayAudio, RestoreItem, TruncateItem
from gateway.realtime.events import AudioDelta, CallerTranscript, SpeechStarted, SpeechStopped
from tests.test_bridge import SILENCE_20_MS, created, done
from voice_codecs import PCMU_8K


@dataclass
class Peers:
    """Twilio and a model that never forget what they were told, and check whether it can be true."""

    said: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    """Items that were truncated, and how much of them was heard as far as the model knows."""
    caller_items: list[str] = field(default_factory=list)
    queue: list[tuple[str, float]] = field(default_factory=list)
    """Marks, and when they are due."""

    def take(self, commands: list[Command], now: float) -> None:
        for command in commands:
            match command:
                case PlayAudio(payload=payload, mark_name=name):
                    start = max(now, self.queue[-1][1] if self.queue else now)
                    self.queue.append((name, start + len(payload) / 8000))
                case ClearAudio():
                    self.queue.clear()
                case TruncateItem(item_id=item_id, audio_end_ms=ms):
                    assert item_id not in self.told
                    assert 0 <= ms <= self.said[item_id]
                    self.told[item_id] = ms
                case RestoreItem(item_id=item_id, from_ms=from_ms, to_ms=to_ms):
                    assert self.told[item_id] == from_ms < to_ms <= self.said[item_id]
                    self.told[item_id] = to_ms
                case DeleteItem(item_id=item_id):
                    self.caller_items.remove(item_id)
                case _:
                    pass


@dataclass
class Wild:
    """A call in which anything may happen at any time, as far as a server lets it."""

    random: random.Random
    bridge: Bridge
    peers: Peers = field(default_factory=Peers)
    now: float = 0.0
    n: int = 0
    response: str | None = None
    turn: str | None = None

    def step(self) -> None:
        self.now += self.random.choice((0.0, 0.01, 0.05, 0.1, 0.5))
        for name, _ in [each for each in self.peers.queue if each[1] <= self.now]:
            self.peers.queue.pop(0)
            self.peers.take(self.bridge.mark(name, self.now), self.now)
        self.peers.take(self.bridge.no_caller_audio(self.now), self.now)
        happens = self.random.choices(
            (self.begin, self.speak, self.end, self.caller, self.words, self.rare), (3, 4, 5, 6, 5, 0.3)
        )[0]
        self.peers.take(happens(), self.now)

    def begin(self) -> list[Command]:
        if self.response is not None or self.turn is not None:
            return []
        self.n += 1
        self.response = f"r{self.n}"
        return self.bridge.model_event(created(self.response), self.now)

    def speak(self) -> list[Command]:
        if self.response is None:
            return []
        item_id = f"{self.response}-{self.random.randint(0, 1)}"
        ms = self.random.randint(1, 4000)
        self.peers.said[item_id] = self.peers.said.get(item_id, 0) + ms
        return self.bridge.model_event(AudioDelta(item_id, bytes(ms * 8), self.response), self.now)

    def end(self) -> list[Command]:
        response, self.response = self.response, None
        return [] if response is None else self.bridge.model_event(done(response), self.now)

    def caller(self) -> list[Command]:
        if self.turn is None:
            self.n += 1
            self.turn = f"caller{self.n}"
            commands = self.bridge.model_event(SpeechStarted(self.turn), self.now)
            return commands + self.end()
        turn, self.turn = self.turn, None
        self.peers.caller_items.append(turn)
        return self.bridge.model_event(SpeechStopped(turn), self.now)

    def words(self) -> list[Command]:
        waiting = self.peers.caller_items
        words = self.random.choice(("", "", "", "", "Yes."))
        return self.bridge.model_event(CallerTranscript(waiting[-1], words), self.now) if waiting else []

    def rare(self) -> list[Command]:
        if self.random.random() < 0.8:
            return []
        if self.random.random() < 0.5:
            return self.bridge.key_pressed(self.now)
        return self.bridge.send_keys(SILENCE_20_MS, self.now)


def test_whatever_happens_the_model_is_told_what_can_be_true_and_each_thing_once() -> None:
    n_resumed = 0
    for seed in range(600):
        bridge = Bridge(server_interrupts=seed % 2 == 0, resumes=True, silence_ms=300, output_format=PCMU_8K)
        call = Wild(random.Random(seed), bridge)
        for _ in range(200):
            call.step()
        n_resumed += bridge.tally.n_resumed

    assert n_resumed > 50
