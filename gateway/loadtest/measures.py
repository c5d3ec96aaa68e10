"""Measures one finished call. Pure: from the timeline and the playback buffer to a `CallResult`."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from gateway.loadtest.analysis import (
    CallFigures,
    Voiced,
    analyse,
    heard_runs,
    said_until_ms,
    voiced_utterances,
)
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.failure import has_failed, outcome
from gateway.loadtest.fingerprint import found
from gateway.loadtest.playback import AfterClear
from gateway.loadtest.quality import Samples, Stretches, judge
from gateway.loadtest.recording import PTIME_MS
from gateway.loadtest.results import BargeIn, CallResult, Delivery, Embedded, Setup, Turn
from gateway.loadtest.steps import End
from gateway.loadtest.timeline import EventKind, Timeline
from voice_codecs import mulaw_decode

MAX_SAMPLED = 200
UNANSWERED_AFTER_MS = 3000
"""Whoever has waited for so long, to one frame, has got no answer; who spoke on or left before that tells nothing."""
_SAMPLES_PER_MS = 8
_ANSWERS: frozenset[EventKind] = frozenset({"verb-skipped", "twiml-taken", "dialled", "keys-asked", "ended"})
"""What follows in the timeline when the answer to a webhook has come."""
_UNANSWERED = ("webhook-unreachable", "webhook-timeout")


def measure(
    caller: RecordedCaller,
    outcome_end: End,
    *,
    started_at: float,
    reference: npt.NDArray[np.int16] | None = None,
    wav: str | None = None,
    fingerprints: tuple[int, Collection[int]] | None = None,
    embedded: Embedded | None = None,
    heard_by_model: bytes = b"",
) -> CallResult:
    """Measure a finished call.

    Args:
        caller: what was said and heard.
        outcome_end: how the call ended.
        started_at: of the first webhook, seconds since 1970.
        reference: what the agent says, clean, shape (n,) at 8 kHz; it may be anywhere in the call.
        wav: the file with both sides, where one is kept.
        fingerprints: the caller's own, and those of everybody in the test; None if nobody carries one.
        embedded: what the embedded realtime server told.
        heard_by_model: what it got of the call, PCMU at 8 kHz.
    """
    lateness = caller.timeline.frame_lateness_ms
    figures, voiced = analyse(caller), voiced_utterances(caller)
    heard, stretches = _heard(caller)
    said_ms = said_until_ms(caller)
    reason, detail = outcome(caller, outcome_end)
    return CallResult(
        call_sid=caller.identity.call_sid,
        recording=caller.recording.name,
        started_at=started_at,
        duration_ms=_duration_ms(caller.timeline),
        outcome=reason,
        detail=detail,
        failed=has_failed(caller, outcome_end),
        setup=_setup(caller.timeline, figures),
        turns=_turns(figures, voiced, said_ms),
        barge_ins=_barge_ins(caller.timeline, figures, voiced, said_ms),
        delivery=_delivery(caller, figures, voiced),
        quality=judge(heard, stretches, reference),
        crosstalk=_crosstalk(caller, fingerprints, heard_by_model),
        faults=dict(caller.timeline.faults),
        lateness_ms=sampled(lateness),
        n_frames=len(lateness),
        embedded=embedded,
        wav=wav,
    )


def _duration_ms(timeline: Timeline) -> int:
    began, ended = timeline.first("webhook-sent"), timeline.first("ended")
    if ended is None and timeline.events:
        ended = timeline.events[-1].at  # so many events that the end itself was not kept
    return 0 if began is None or ended is None else round((ended - began) * 1000)


def _setup(timeline: Timeline, figures: CallFigures) -> Setup:
    answered_at = _answered_at(timeline)
    return Setup(
        webhook_ms=_ms_between(timeline.first("webhook-sent"), answered_at),
        handshake_ms=_ms_between(answered_at, timeline.started_at),
        first_audio_ms=float(figures.talkspurts[0].start_ms) if figures.talkspurts else None,
    )


def _answered_at(timeline: Timeline) -> float | None:
    """When the answer to the first webhook had come."""
    answer = next((event for event in timeline.events if event.kind in _ANSWERS), None)
    if answer is None or (answer.kind == "ended" and answer.detail.startswith(_UNANSWERED)):
        return None
    return answer.at


def _turns(figures: CallFigures, voiced: list[Voiced], said_ms: int) -> tuple[Turn, ...]:
    """Every utterance that was answered, and every one that the caller has waited for an answer to."""
    turn_ms = {each.utterance: each.turn_ms for each in figures.replies}
    silent_until = [*(each.start_ms for each in voiced[1:]), said_ms]
    return tuple(
        Turn(each.end_ms, turn_ms.get(each.utterance))
        for each, until_ms in zip(voiced, silent_until, strict=False)
        if each.utterance in turn_ms or until_ms - each.end_ms > UNANSWERED_AFTER_MS - PTIME_MS
    )


def _barge_ins(
    timeline: Timeline, figures: CallFigures, voiced: list[Voiced], said_ms: int
) -> tuple[BargeIn, ...]:
    """Every utterance over the agent's, but for one that the call's end has cut short before the agent stopped."""
    spans = {each.utterance: each for each in voiced}
    clears = [event for event in timeline.events if event.kind == "clear-received"]
    barge_ins = []
    for each in figures.barge_ins:
        span = spans[each.utterance]
        clear = next((event for event in clears if _is_within(timeline, event.at, span)), None)
        stop_ms = each.stop_ms
        if clear is None:
            if stop_ms is None and span.end_ms > said_ms:
                continue
            barge_ins.append(BargeIn(span.start_ms, None, stop_ms, 0))
            continue
        if stop_ms is None:
            stop_ms = _silent_after_ms(figures, span)
        clear_ms = round(_call_ms(timeline, clear.at) - span.start_ms, 3)
        barge_ins.append(BargeIn(span.start_ms, clear_ms, stop_ms, clear.n_samples // _SAMPLES_PER_MS))
    return tuple(barge_ins)


def _silent_after_ms(figures: CallFigures, span: Voiced) -> int | None:
    """When an agent that had been cleared fell silent by itself, with what it had still sent; None if it went on."""
    last_ms = max((each.end_ms for each in figures.talkspurts if each.start_ms < span.end_ms), default=0)
    return last_ms - span.start_ms if last_ms <= span.end_ms else None


def _delivery(caller: RecordedCaller, figures: CallFigures, voiced: list[Voiced]) -> Delivery:
    playback = caller.playback
    return Delivery(
        sent_ms=playback.n_samples_sent // _SAMPLES_PER_MS,
        heard_ms=figures.heard_ms,
        n_under_runs=figures.n_under_runs,
        under_run_ms=figures.under_run_ms,
        after_clear_ms=sum(
            each.n_samples for each in playback.after_clear if _is_late(caller.timeline, each, voiced)
        )
        // _SAMPLES_PER_MS,
        n_marks_unreturned=playback.n_marks_unreturned,
    )


def _is_late(timeline: Timeline, audio: AfterClear, voiced: list[Voiced]) -> bool:
    """Whether it came while the caller was in the utterance that had caused the clear."""
    times = (audio.cleared_at, audio.at)
    return any(all(_is_within(timeline, at, each) for at in times) for each in voiced)


def _crosstalk(
    caller: RecordedCaller, fingerprints: tuple[int, Collection[int]] | None, heard_by_model: bytes
) -> bool | None:
    """Whether anybody else's voice was heard at either end; None if nobody's was."""
    if fingerprints is None:
        return None
    own, everybody = fingerprints
    ends = (b"".join(run.payload for run in caller.playback.runs), heard_by_model)
    whose = {found(each, {own, *everybody}) for each in ends} - {None}
    return whose != {own} if whose else None


def _heard(caller: RecordedCaller) -> tuple[Samples, Stretches]:
    """What was heard on the call's clock, shape (n,), silence in between; and in which stretch between two clears."""
    runs = heard_runs(caller)
    n_samples = max((start + len(run.payload) for start, run in runs), default=0)
    samples, stretches = np.zeros(n_samples, np.int16), np.zeros(n_samples, np.int32)
    number = 1
    for start, run in runs:
        samples[start : start + len(run.payload)] = mulaw_decode(run.payload)
        stretches[start : start + len(run.payload)] = number
        number += run.cut_by is not None
    return samples, stretches


def sampled(values_ms: Sequence[float]) -> tuple[float, ...]:
    """At most 200 of the values: of as many equal parts of their order each one's middle, and the largest of all."""
    n = min(len(values_ms), MAX_SAMPLED)
    ordered = sorted(values_ms)
    middles = [ordered[(2 * index + 1) * len(ordered) // (2 * n)] for index in range(n)]
    return tuple(round(each, 3) for each in [*middles[:-1], *ordered[-1:]])


def _is_within(timeline: Timeline, at: float, voiced: Voiced) -> bool:
    return voiced.start_ms <= _call_ms(timeline, at) < voiced.end_ms


def _call_ms(timeline: Timeline, at: float) -> float:
    return round((at - (timeline.started_at or 0.0)) * 1000, 3)


def _ms_between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 3)
