import base64
import json

import pytest

from gateway.local_realtime import RecordedVoice, observing
from gateway.local_realtime.observing import Recorder
from gateway.observed import Observed
from tests.local_realtime.sessions import Talk

LOUD = bytes(range(160))


class Observing:
    """A talk whose every message is observed, half a second late on another clock."""

    def __init__(self, voice: RecordedVoice, *, pcmu: bool = False) -> None:
        self.recorder = Recorder("sess_1")
        self.talk = Talk(voice, pcmu=False)
        for event in self.talk.greeting:
            self.sent(event)
        if pcmu:
            formats = {"format": {"type": "audio/pcmu"}}
            self.send(
                "session.update", session={"type": "realtime", "audio": {"input": formats, "output": formats}}
            )

    def send(self, kind: str, **fields: object) -> None:
        self.recorder.received(json.dumps({"type": kind, **fields}), self.talk.now + 0.5, 0.001)
        for event in self.talk.send(kind, **fields):
            self.sent(event)

    def append(self, audio: bytes) -> None:
        self.send("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.005)):
            for event in self.talk.wait(0.005):
                self.sent(event)

    def sent(self, event: dict[str, object]) -> None:
        if isinstance(event.get("delta"), str) and event["type"] == "response.output_audio.delta":
            event = {**event, "delta": base64.b64decode(str(event["delta"]))}
        self.recorder.sent(event, self.talk.now + 0.5)

    @property
    def found(self) -> Observed:
        return self.recorder.observed()


@pytest.mark.parametrize(("pcmu", "n_bytes"), [(False, 960), (True, 160)])
def test_audio_that_comes_is_counted_at_24_khz_and_kept(
    voice: RecordedVoice, *, pcmu: bool, n_bytes: int
) -> None:
    seen = Observing(voice, pcmu=pcmu)
    seen.append(bytes(n_bytes))
    seen.talk.now += 0.02
    seen.append(bytes(n_bytes // 2))

    found = seen.found

    assert [(each.at, each.n_samples, each.late) for each in found.appends] == [
        (1000.5, 480, 0.001),
        (1000.52, 240, 0.001),
    ]
    assert b"".join(found.input_chunks) == bytes(n_bytes * 3 // 2)
    assert found.input_encoding == ("pcmu" if pcmu else "pcm16")


def test_audio_in_another_format_than_the_first_is_counted_and_not_kept(voice: RecordedVoice) -> None:
    seen = Observing(voice)
    seen.append(bytes(960))
    formats = {"format": {"type": "audio/pcmu"}}
    seen.send("session.update", session={"type": "realtime", "audio": {"input": formats}})
    seen.append(LOUD)

    assert [each.n_samples for each in seen.found.appends] == [480, 480]
    assert seen.found.input_chunks == (bytes(960),)
    assert seen.found.input_encoding == "pcm16"


@pytest.mark.parametrize("pcmu", [False, True])
def test_an_answer_is_known_by_its_item_with_every_delta(voice: RecordedVoice, *, pcmu: bool) -> None:
    seen = Observing(voice, pcmu=pcmu)
    seen.send("response.create")
    seen.wait(3.0)

    (item,) = seen.found.items

    assert sum(each.n_samples for each in item.deltas) == 24_000
    assert [each.n_samples for each in item.deltas] == [len(each) * (3 if pcmu else 1) // (1 if pcmu else 2) for each in item.chunks]  # fmt: skip
    assert item.deltas[0].at == pytest.approx(1000.7, abs=0.006)
    assert item.deltas[1].at == pytest.approx(1000.725, abs=0.006)
    assert item.encoding == ("pcmu" if pcmu else "pcm16")


def test_an_answer_outside_the_conversation_is_nobodys(voice: RecordedVoice) -> None:
    seen = Observing(voice)
    seen.send("response.create", response={"conversation": "none"})
    seen.wait(3.0)

    assert seen.found.items == ()


def test_truncations_of_its_answers_are_noted_believed_or_not(voice: RecordedVoice) -> None:
    seen = Observing(voice)
    seen.send("response.create")
    seen.wait(3.0)
    (item,) = seen.found.items
    for item_id, audio_end_ms in ((item.item_id, 99_999), ("item_of_nobody", 5), (item.item_id, 400)):
        seen.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)

    told = seen.found.truncations

    assert [(each.item_id, each.audio_end_ms) for each in told] == [
        (item.item_id, 99_999),
        (item.item_id, 400),
    ]
    assert [each.at for each in told] == pytest.approx([1003.5] * 2)


def test_what_is_no_event_is_passed_over() -> None:
    recorder = Recorder("sess_1")
    for text in ("{", "[]", '{"type": "input_audio_buffer.append"}', b"\xff"):
        recorder.received(text, 1.0)

    assert recorder.observed() == Recorder("sess_1").observed()


def test_no_more_is_kept_than_a_session_may_cost(
    voice: RecordedVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "MAX_KEPT_SAMPLES", 24_000)
    monkeypatch.setattr(observing, "MAX_APPENDS", 30)
    monkeypatch.setattr(observing, "MAX_DELTAS", 8)
    monkeypatch.setattr(observing, "MAX_TRUNCATIONS", 2)
    seen = Observing(voice)
    for _ in range(40):
        seen.append(bytes(1920))
    for _ in range(2):
        seen.send("response.create")
        seen.wait(3.0)
    for _ in range(3):
        seen.send(
            "conversation.item.truncate", item_id=seen.found.items[0].item_id, content_index=0, audio_end_ms=1
        )

    found = seen.found

    assert len(found.appends) == 30
    assert sum(map(len, found.input_chunks)) == 48_000
    assert sum(len(item.deltas) for item in found.items) == 8
    assert sum(len(chunk) for item in found.items for chunk in item.chunks) == 48_000
    assert len(found.truncations) == 2
