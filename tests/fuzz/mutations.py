"""Broken and odd server events, made from good ones by chance. Everything comes of the Random that is given."""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.realtime.official import N_VARIANTS, SERVER_EVENTS, SOUND, filled, sparse

Event = dict[str, Any]
OLDER_NAMES = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.input_audio_transcription.completed": (
        "conversation.item.input_audio_transcription.updated"
    ),
}
"""The beta's, and xAI's, of events that look the same."""


def _examples() -> list[Event]:
    models = SERVER_EVENTS.values()
    made = [filled(model, variant) for model in models for variant in range(N_VARIANTS)]
    events = [json.loads(event.model_dump_json()) for event in [*made, *map(sparse, models)]]
    older = [
        {**event, "type": OLDER_NAMES[event["type"]]} for event in events if event["type"] in OLDER_NAMES
    ]
    return events + older


EXAMPLES = _examples()
"""Good events of all kinds, old names included."""

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, -(2**31), 2**63, -(2**63), 2**64, 10**400, 31, 32, 1000),
    *(0.5, -0.5, 1e308, -1e308, 1e-320, float("nan"), float("inf"), float("-inf"), -0.0),
    *("", "\0", "\ud800", "\udfff\ud800", "\U0001f600", "100", "-1", "1e999", "nan", "AAA", SOUND, "root"),
    *("x" * 513, "completed", "incomplete", "in_progress", "message", "function_call", "user", "\r\n\x1b[2J"),
    *([], {}, [[]], [None], {"": None}, {"id": None}, [{}], {"\ud800": 1}),
)
"""Values where nobody expects them."""


def strange(random: Random) -> Any:
    """A value that does not belong there; now and then a long or a deep one."""
    chance = random.random()
    if chance < 0.002:
        return "long " * random.choice((2_000, 60_000))
    if chance < 0.004:
        return nested(random.choice((10, 900, 3000)))
    return copy.deepcopy(random.choice(STRANGE))


def nested(depth: int) -> Any:
    """Lists and dicts in each other."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"item": value}
    return value


def odd_event(random: Random, n_changes: int) -> Event:
    """A good event in which some values were replaced, dropped or added, at any depth."""
    event: Event = json.loads(json.dumps(random.choice(EXAMPLES)))
    for _ in range(n_changes):
        holder, key = random.choice(_places(event) or [(event, "type")])
        if random.random() < 0.2 and event:
            del holder[key]
        elif random.random() < 0.2 and isinstance(holder, dict):
            holder[random.choice(("id", "type", "item", "response", "usage", "delta", "extra"))] = strange(
                random
            )
        else:
            holder[key] = strange(random)
    return event


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every key and index inside a value, with its holder."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        inner = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, each in inner:
            found.append((holder, key))
            if isinstance(each, dict | list):
                waiting.append(each)
    return found


def odd_bytes(random: Random) -> bytes:
    """What a socket might bring."""
    if random.random() < 0.05:
        return random.randbytes(random.randrange(200))
    event = odd_event(random, random.choice((0, 0, 1, 1, 2, 5)))
    text = _text(event, ensure_ascii=random.random() < 0.5)
    for _ in range(random.choice((0, 0, 0, 1, 1, 3))):
        text = random.choice(_BREAKAGES)(random, text)
    return text


def _text(event: Event, *, ensure_ascii: bool) -> bytes:
    """Write an event as JSON; one too deep for the writer becomes another that is deep."""
    try:
        return json.dumps(event, ensure_ascii=ensure_ascii).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b'{"type":"error","error":' * 3000


def _flip(random: Random, text: bytes) -> bytes:
    at = random.randrange(len(text) or 1)
    return text[:at] + bytes(byte ^ 1 << random.randrange(8) for byte in text[at : at + 1]) + text[at + 1 :]


def _cut(random: Random, text: bytes) -> bytes:
    return text[: random.randrange(len(text) + 1)]


def _splice(random: Random, text: bytes) -> bytes:
    at, start = random.randrange(len(text) + 1), random.randrange(len(text) + 1)
    return text[:at] + text[start : start + random.randrange(40)] + text[at:]


def _token(random: Random, text: bytes) -> bytes:
    """Put a piece of JSON, or of what is none, behind some punctuation."""
    places = [at for at, byte in enumerate(text) if byte in b'{}[]:,"']
    at = random.choice(places) + 1 if places else 0
    return text[:at] + random.choice(_TOKENS) + text[at:]


def _twice(random: Random, text: bytes) -> bytes:
    """Write some keys again, with other values."""
    other = _text(odd_event(random, 1), ensure_ascii=True)
    return text[:-1] + b"," + other[1:]


_TOKENS = (
    *(
        b"NaN",
        b"Infinity",
        b"-",
        b"1e999",
        b"9" * 400,
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc3",
        b'"\\ud800"',
    ),
    *(
        b"\\u0000",
        b"\\",
        b"null,",
        b'"type":5,',
        b'"type":"error",',
        b"[" * 2000,
        b'{"a":' * 2000,
        b"\xef\xbb\xbf",
    ),
)
_BREAKAGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flip,
    _flip,
    _cut,
    _splice,
    _token,
    _token,
    _twice,
)
