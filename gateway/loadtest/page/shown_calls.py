"""The calls that can be looked at on the page, worst first: rows of a table, and what is drawn of each. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gateway.loadtest.page.call_facts import facts
from gateway.loadtest.page.spelling import NOTHING, clock, number
from gateway.loadtest.page.wording import EVENTS, REASONS
from gateway.loadtest.ranking import badness, was_answered
from gateway.loadtest.results import CallResult, Event, RunResult, Trace

MAX_SHOWN = 1000
_MAX_WANTED = 10
"""Of them that are shown though they are not among the worst."""
MAX_STEPS = 1500
"""Of a waveform; a screen is about as wide. The calls that can be listened to keep theirs whole."""
MAX_EVENTS = 300
_TOO_MANY = ("media-received", "mark-received", "mark-echoed")
"""Kinds of which some are left out before others are."""
_KINDS = {kind: place for place, kind in enumerate(EVENTS)}
"""Kinds of events are told by their place: a page has hundreds of thousands."""


class Cell(NamedTuple):
    """What a column says of a call, and what it is sorted by; what is not known sorts last."""

    text: str
    by: float | str


class ShownCall(NamedTuple):
    """A call in the table."""

    start: Cell
    cells: tuple[Cell, ...]
    failed: bool
    document: Mapping[str, Any]
    """What the page draws of it, for JSON."""


class Choice(NamedTuple):
    """A call that is offered first."""

    words: str
    place: int
    """Among the calls that are shown."""
    summary: str
    has_audio: bool


class Shown(NamedTuple):
    """All calls that can be looked at."""

    calls: tuple[ShownCall, ...]
    choices: tuple[Choice, ...]
    """The worst and the best."""
    audio: tuple[bytes, ...]
    """FLAC; a call's document says which is its own."""
    n_left_out: int


def shown(run: RunResult) -> Shown:
    """Choose the worst calls, and whichever else can be listened to, and the best."""
    ranked = sorted(run.calls, key=badness, reverse=True)
    audio = {each.call_sid: place for place, each in enumerate(run.audio)}
    chosen = _chosen(ranked)
    kept = _kept_calls(
        ranked, [*(each for _, each in chosen), *(each for each in ranked if each.call_sid in audio)]
    )
    places = {id(each): place for place, each in enumerate(kept)}
    return Shown(
        tuple(_row(each, run.started_at, audio.get(each.call_sid)) for each in kept),
        tuple(_choice(words, each, places[id(each)], each.call_sid in audio) for words, each in chosen),
        tuple(each.flac for each in run.audio),
        len(ranked) - len(kept),
    )


def _kept_calls(ranked: Sequence[CallResult], first: Sequence[CallResult]) -> list[CallResult]:
    """Keep the worst, in their order, and of those that come first a few that are not among them."""
    if len(ranked) <= MAX_SHOWN:
        return list(ranked)
    wanted = {id(each) for each in first[:_MAX_WANTED]}
    room = MAX_SHOWN - len(wanted)
    return [*ranked[:room], *(each for each in ranked[room:] if id(each) in wanted)]


def _chosen(ranked: Sequence[CallResult]) -> list[tuple[str, CallResult]]:
    """Pick the worst and the best call with sound, as `ranking` does, and a worse one of which there is none."""
    with_sound = [each for each in ranked if each.n_frames]
    chosen = [("Worst call", each) for each in with_sound[:1]]
    chosen += [("Best call", each) for each in reversed(with_sound[1:]) if was_answered(each)][:1]
    return chosen + [("A call without sound", each) for each in ranked[:1] if not each.n_frames]


def _choice(words: str, call: CallResult, place: int, has_audio: bool) -> Choice:
    worst = _worst_turn(call)
    told = (
        REASONS.get(call.outcome, call.outcome)
        if call.failed or worst is None
        else f"longest wait {number(worst)} ms"
    )
    return Choice(words, place, told, has_audio)


def _row(call: CallResult, zero: float, audio: int | None) -> ShownCall:
    at = call.started_at - zero
    stop = max((each.stop_ms for each in call.barge_ins if each.stop_ms is not None), default=None)
    went_on = any(each.stop_ms is None for each in call.barge_ins)
    crosstalk = {None: NOTHING, False: "no", True: "yes"}[call.crosstalk]
    cells = (
        Cell(call.recording, call.recording),
        Cell(REASONS.get(call.outcome, call.outcome), call.outcome),
        _number(_set_up(call)),
        _number(_worst_turn(call), "no reply" if any(each.turn_ms is None for each in call.turns) else ""),
        _number(stop, "went on" if went_on else ""),
        _number(call.delivery.n_under_runs if call.n_frames else None),
        Cell(crosstalk, crosstalk),
    )
    return ShownCall(Cell(clock(at, 1), round(at, 3)), cells, call.failed, _document(call, zero, audio))


def _number(value: float | None, also: str = "") -> Cell:
    """Spell a number; what sorts beside it is worse than any number."""
    if also:
        return Cell(also if value is None else f"{number(value)}, {also}", 1e9 + (value or 0.0))
    return Cell(number(value), "" if value is None else value)


def _set_up(call: CallResult) -> float | None:
    parts = (call.setup.webhook_ms, call.setup.handshake_ms, call.setup.first_audio_ms)
    known = [each for each in parts if each is not None]
    return sum(known) if len(known) == len(parts) else None


def _worst_turn(call: CallResult) -> int | None:
    return max((each.turn_ms for each in call.turns if each.turn_ms is not None), default=None)


def _document(call: CallResult, zero: float, audio: int | None) -> dict[str, Any]:
    return {
        "title": f"{call.recording}, {clock(call.started_at - zero, 1)}",
        "facts": facts(call),
        "duration": call.duration_ms,
        "turns": [(each.at_ms, each.turn_ms) for each in call.turns],
        "bargeIns": [(each.at_ms, each.clear_ms, each.stop_ms, each.thrown_ms) for each in call.barge_ins],
        "trace": None if call.trace is None else _trace(call.trace, MAX_STEPS if audio is None else None),
        "audio": audio,
    }


def _trace(trace: Trace, max_steps: int | None) -> dict[str, Any]:
    n_steps = max(len(trace.said), len(trace.heard))
    times = -(-n_steps // max_steps) if max_steps and n_steps else 1
    kept = _kept(trace.events)
    return {
        "step": trace.step_ms * times,
        "said": _coarser(trace.said, times),
        "heard": _coarser(trace.heard, times),
        "events": [(each.at_ms, _KINDS.get(each.kind, each.kind), each.detail) for each in kept],
        "leftOut": len(trace.events) - len(kept),
    }


def _coarser(waveform: bytes, times: int) -> bytes:
    """Take the loudest of every so many steps."""
    steps = np.frombuffer(waveform, np.uint8)
    coarse = np.pad(steps, (0, -steps.size % times)).reshape(-1, times).max(axis=1, initial=0)
    return bytes(coarse.tobytes())


def _kept(events: Sequence[Event]) -> list[Event]:
    """Leave out what comes many times a second, then the last."""
    if len(events) <= MAX_EVENTS:
        return list(events)
    rare = [each for each in events if each.kind not in _TOO_MANY][:MAX_EVENTS]
    rest = [each for each in events if each.kind in _TOO_MANY][: MAX_EVENTS - len(rare)]
    return sorted([*rare, *rest], key=lambda each: each.at_ms)
