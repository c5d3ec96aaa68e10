"""Figures of a finished call, from what was said and what was heard: latencies, talkspurts, faults, and the audio."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.playback import AUDIBLE, CutBy, HeardRun
from gateway.loadtest.recording import FRAME_BYTES, SAMPLE_RATE, Recording, Utterance
from voice_codecs import mulaw_decode

TALKSPURT_GAP_MS = 300
"""A shorter silence is a pause within a talkspurt."""
_VOICED_BLOCK_MS = 10
_VOICED_BELOW_PEAK = 10 ** (-35 / 20)
"""A block this much weaker than an utterance's loudest one is no voice: room, line, breath."""
_SAMPLES_PER_MS = SAMPLE_RATE // 1000


@dataclass(frozen=True)
class Talkspurt:
    """An unbroken run of agent speech, as heard. Times are those of the call's clock."""

    start_ms: int
    end_ms: int
    cut_by: CutBy | None = None
    """What ended it; None if the agent had said it all."""


@dataclass(frozen=True)
class Reply:
    """How long the caller waited for the agent."""

    utterance: Utterance
    turn_ms: int
    """From the utterance's last voiced sample to the first audible one heard."""


@dataclass(frozen=True)
class BargeIn:
    """An utterance that began while the agent was speaking."""

    utterance: Utterance
    stop_ms: int | None
    """From the utterance's first voiced sample until the agent fell silent; None if it finished or went on."""


@dataclass(frozen=True)
class CallFigures:
    """What one call was like for the caller."""

    setup_ms: int | None
    """From the first webhook to the first start message; None if no stream began."""
    first_media_ms: int | None
    """From the first webhook to the first audio from the server."""
    talkspurts: tuple[Talkspurt, ...]
    replies: tuple[Reply, ...]
    """Of those utterances that the agent heard out and answered before the next one."""
    barge_ins: tuple[BargeIn, ...]
    heard_ms: int
    """Audio that sounded, silence in it included."""
    n_under_runs: int
    under_run_ms: int
    """The length of all holes."""
    faults: dict[str, int]


def analyse(caller: RecordedCaller) -> CallFigures:
    """Measure a finished call."""
    timeline, playback = caller.timeline, caller.playback
    asked_at = timeline.first("webhook-sent")
    spurts = talkspurts(caller)
    voiced = voiced_utterances(caller)
    return CallFigures(
        setup_ms=_ms_between(asked_at, timeline.started_at),
        first_media_ms=_ms_between(asked_at, timeline.first("media-received")),
        talkspurts=spurts,
        replies=_replies(voiced, spurts),
        barge_ins=_barge_ins(voiced, spurts),
        heard_ms=sum(len(run.payload) for run in playback.runs) // _SAMPLES_PER_MS,
        n_under_runs=len(playback.under_runs),
        under_run_ms=round(sum(each.duration for each in playback.under_runs) * 1000),
        faults=dict(timeline.faults),
    )


def talkspurts(caller: RecordedCaller) -> tuple[Talkspurt, ...]:
    """Find when the agent was heard to speak, by level; a clear ends a talkspurt whatever follows."""
    spurts: list[Talkspurt] = []
    for start, run in heard_runs(caller):
        audible = np.flatnonzero(np.abs(mulaw_decode(run.payload).astype(np.int32)) >= AUDIBLE)
        if not audible.size:
            continue
        breaks = np.flatnonzero(np.diff(audible) > TALKSPURT_GAP_MS * _SAMPLES_PER_MS) + 1
        parts = [(start + int(part[0]), start + int(part[-1]) + 1) for part in np.split(audible, breaks)]
        new = [Talkspurt(_ms(first), _ms(last)) for first, last in parts]
        new[-1] = Talkspurt(new[-1].start_ms, new[-1].end_ms, run.cut_by)
        if spurts and not spurts[-1].cut_by and new[0].start_ms - spurts[-1].end_ms <= TALKSPURT_GAP_MS:
            new[0] = Talkspurt(spurts.pop().start_ms, new[0].end_ms, new[0].cut_by)
        spurts += new
    return tuple(spurts)


class Voiced(NamedTuple):
    """An utterance that was said, or begun, and the ms of its first and last voiced sample."""

    utterance: Utterance
    start_ms: int
    end_ms: int


def voiced_utterances(caller: RecordedCaller) -> list[Voiced]:
    """Narrow to its voice each utterance that the call's end let begin, at the time it was said."""
    voiced = []
    for said, source in zip(caller.said_utterances, caller.recording.utterances, strict=False):
        start_ms, end_ms = voiced_span(caller.recording, source)
        later_ms = said.start_ms - source.start_ms
        voiced.append(Voiced(said, start_ms + later_ms, end_ms + later_ms))
    return voiced


def said_until_ms(caller: RecordedCaller) -> int:
    """How far on its own clock the caller's side of the call came."""
    n_frames = max((run.first_frame + run.n_frames for run in caller.timeline.said), default=0)
    return n_frames * FRAME_BYTES // _SAMPLES_PER_MS


def voiced_span(recording: Recording, utterance: Utterance) -> tuple[int, int]:
    """Narrow an utterance to its voice: start and end in ms, to 10 ms, of what is within 35 dB of its loudest part."""
    first, last = utterance.start_ms * _SAMPLES_PER_MS, utterance.end_ms * _SAMPLES_PER_MS
    samples = mulaw_decode(recording.payload[first:last]).astype(np.float64)
    size = _VOICED_BLOCK_MS * _SAMPLES_PER_MS
    blocks = np.pad(samples, (0, -samples.size % size)).reshape(-1, size)
    levels = np.sqrt(np.mean(np.square(blocks), axis=1))
    voiced = np.flatnonzero((levels >= levels.max(initial=0.0) * _VOICED_BELOW_PEAK) & (levels > 0))
    if not voiced.size:
        return utterance.start_ms, utterance.end_ms
    start_ms = utterance.start_ms + int(voiced[0]) * _VOICED_BLOCK_MS
    end_ms = utterance.start_ms + (int(voiced[-1]) + 1) * _VOICED_BLOCK_MS
    return start_ms, min(end_ms, utterance.end_ms)


def heard_runs(caller: RecordedCaller) -> list[tuple[int, HeardRun]]:
    """What sounded, each run with the sample of the call's clock at which it began."""
    zero = caller.timeline.started_at or 0.0
    return [(round((run.start - zero) * SAMPLE_RATE), run) for run in caller.playback.runs]


def stereo(caller: RecordedCaller) -> npt.NDArray[np.int16]:
    """Rebuild the call, shape (n, 2) at 8 kHz, from its first start message: left what was said, right what was heard."""
    heard = [(start, mulaw_decode(run.payload)) for start, run in heard_runs(caller)]
    said = []
    for run in caller.timeline.said:
        payload = caller.recording.excerpt(run.source_ms, run.n_frames)
        said.append((run.first_frame * FRAME_BYTES, mulaw_decode(payload)))
    n_samples = max((start + samples.size for start, samples in said + heard), default=0)
    both = np.zeros((n_samples, 2), np.int16)
    for channel, parts in enumerate((said, heard)):
        for start, samples in parts:
            both[start : start + samples.size, channel] = samples
    return both


def write_stereo(path: str | Path, caller: RecordedCaller) -> None:
    """Write ``stereo`` as a WAV file, PCM16 at 8 kHz."""
    soundfile.write(path, stereo(caller), SAMPLE_RATE, subtype="PCM_16", format="WAV")


def _replies(voiced: list[Voiced], spurts: tuple[Talkspurt, ...]) -> tuple[Reply, ...]:
    replies = []
    for index, (utterance, _, end_ms) in enumerate(voiced):
        next_start_ms = voiced[index + 1][1] if index + 1 < len(voiced) else None
        if _speaking_at(end_ms, spurts):
            continue
        starts = [spurt.start_ms for spurt in spurts if spurt.start_ms > end_ms]
        if starts and (next_start_ms is None or starts[0] < next_start_ms):
            replies.append(Reply(utterance, starts[0] - end_ms))
    return tuple(replies)


def _barge_ins(voiced: list[Voiced], spurts: tuple[Talkspurt, ...]) -> tuple[BargeIn, ...]:
    barge_ins = []
    for utterance, start_ms, end_ms in voiced:
        if not _speaking_at(start_ms, spurts):
            continue
        # What begins before the utterance is over cannot be its answer: it is the old one going on.
        last = [spurt for spurt in spurts if spurt.start_ms < end_ms][-1]
        barge_ins.append(BargeIn(utterance, last.end_ms - start_ms if last.cut_by == "clear" else None))
    return tuple(barge_ins)


def _speaking_at(at_ms: int, spurts: tuple[Talkspurt, ...]) -> bool:
    return any(spurt.start_ms <= at_ms < spurt.end_ms for spurt in spurts)


def _ms(n_samples: int) -> int:
    return round(n_samples / _SAMPLES_PER_MS)


def _ms_between(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else round((end - start) * 1000)
