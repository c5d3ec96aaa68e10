"""What only the embedded realtime server can tell, since it is the model and has the caller's clock. Pure."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.downlink import PAUSE, Answer, answers
from gateway.loadtest.measures import sampled
from gateway.loadtest.results import Embedded
from gateway.loadtest.timeline import Timeline
from gateway.loadtest.uplink import Uplink
from gateway.observed import Encoding, Observed
from voice_codecs import Downsampler, mulaw_decode, mulaw_encode

_SAMPLES_PER_MS = 8
_PAIR = 2
"""Bytes of a sample of PCM16."""

Samples = npt.NDArray[np.int16]


def embedded(caller: RecordedCaller, observed: Sequence[Observed]) -> Embedded:
    """Tell of a finished call what its sessions, in order, have observed; without any there is nothing to tell.

    Both clocks must be ``time.monotonic()``, as is that of asyncio's own event loop; uvloop's is up to some ms behind.
    """
    found = answers(caller.timeline, observed)
    added_up: list[float] = []
    missing_up: list[float] = []
    if (first := _first_with_input(observed)) is not None:
        uplink = Uplink(caller, first)
        added_up, missing_up = uplink.added_ms(_input(first)), uplink.missing_ms()
    return Embedded(
        truncation_errors_ms=tuple(round(each, 3) for each in _truncation_errors_ms(found)),
        added_up_ms=sampled(added_up),
        added_down_ms=sampled([each for answer in found for each in answer.latencies_ms()]),
        missing_up_ms=tuple(round(each, 3) for each in missing_up),
        missing_down_ms=tuple(round(each, 3) for each in _missing_down_ms(found, caller.timeline)),
    )


def reference(caller: RecordedCaller, observed: Sequence[Observed]) -> Samples | None:
    """Give the longest answer that was heard to its end, as the model sent it: shape (n,) at 8 kHz.

    Half of it may have been lost on the way. None if there is none among the first 30 s of what each session has said.
    """
    whole = [
        each
        for each in answers(caller.timeline, observed)
        if each.cut_by is None
        and each.n_heard >= each.n_sent // 2
        and len(each.item.chunks) == len(each.item.deltas)
    ]
    if not whole:
        return None
    longest = max(whole, key=lambda each: each.n_sent)
    return _at_8_khz(b"".join(longest.item.chunks), longest.item.encoding)


def heard_by_model(observed: Sequence[Observed]) -> bytes:
    """Give the first 30 s that the model got of the call, mu-law at 8 kHz; nothing if it got none."""
    first = _first_with_input(observed)
    if first is None:
        return b""
    if first.input_encoding == "pcmu":
        return b"".join(first.input_chunks)
    return mulaw_encode(_input(first))


def _first_with_input(observed: Sequence[Observed]) -> Observed | None:
    """The session that was given audio first: another may have been opened for the call in vain."""
    with_input = [each for each in observed if each.appends]
    return min(with_input, key=lambda each: each.appends[0].at, default=None)


def _input(session: Observed) -> Samples:
    return _at_8_khz(b"".join(session.input_chunks), session.input_encoding)


def _at_8_khz(audio: bytes, encoding: Encoding) -> Samples:
    if encoding == "pcmu":
        return mulaw_decode(audio)
    downsampler = Downsampler()
    samples = np.frombuffer(audio, "<i2", len(audio) // _PAIR)
    return np.concatenate([downsampler.feed(samples), downsampler.flush()])


def _truncation_errors_ms(found: Sequence[Answer]) -> Iterator[float]:
    """Of each answer that was truncated or cleared: what the model was told, less what was heard.

    A model that is told of more than it has said believes that all was heard, as it does if nobody tells it anything.
    What the end of the stream cut is left out: with it the conversation is over.
    """
    for answer in found:
        if answer.cut_by == "stream-end" or (answer.truncation is None and answer.cut_by is None):
            continue
        told_ms = answer.n_sent / _SAMPLES_PER_MS
        if answer.truncation is not None:
            told_ms = min(told_ms, answer.truncation.audio_end_ms)
        yield told_ms - answer.n_heard / _SAMPLES_PER_MS


def _missing_down_ms(found: Sequence[Answer], timeline: Timeline) -> Iterator[float]:
    """Of each answer that nothing interrupted: what the model sent less what came.

    To one sample: n at 24 kHz are n / 3 at 8 kHz, rounded up. What was sent in the last half second of the call is left
    out: it may have been on its way.
    """
    ends = [each.at for each in timeline.events if each.kind in ("stop-sent", "stream-closed", "ended")]
    for answer in found:
        is_whole = answer.truncation is None and answer.cut_by != "clear"
        if is_whole and answer.sent_at <= max(ends, default=0.0) - PAUSE:
            yield (answer.n_sent - answer.n_received) / _SAMPLES_PER_MS
