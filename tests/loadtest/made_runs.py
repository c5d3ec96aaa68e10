"""Whole runs that look like real ones: calls with turns, waveforms and events, made with a fixed seed. None was measured."""

import io

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.loadtest.ranking import Extremes
from gateway.loadtest.results import (
    BargeIn,
    CallAudio,
    CallResult,
    Delivery,
    Embedded,
    Event,
    Quality,
    RunResult,
    ServerSample,
    Setup,
    Stage,
    Trace,
    Turn,
)
from tests.loadtest import runs

STEP_MS = 40
RECORDINGS = ("order_status.wav", "short_turns.wav", "spelled_name.wav", "long_turn.wav", "french.wav")
Envelope = npt.NDArray[np.float64]
Generator = np.random.Generator


def made_call(number: int, started_at: float, slow_by: float = 1.0, *, seconds: int = 40) -> CallResult:
    """A call whose agent takes about ``slow_by`` times 600 ms to reply; one in fifty is refused."""
    generator = np.random.default_rng(number)
    sid, recording = f"CA{number:032x}", RECORDINGS[number % len(RECORDINGS)]
    webhook_ms = round(float(generator.lognormal(np.log(38 * slow_by), 0.3)), 3)
    if number % 50 == 17:
        return runs.call(
            call_sid=sid, recording=recording, started_at=started_at, duration_ms=round(webhook_ms) + 12,
            outcome="stream-refused", detail="wss://voice.example.com/twilio/media: 503", failed=True,
            setup=Setup(webhook_ms=webhook_ms), turns=(), delivery=Delivery(), quality=Quality(), n_frames=0,
            lateness_ms=(), trace=Trace(STEP_MS, b"", b"", _refused(webhook_ms)),
        )  # fmt: skip
    said, heard = np.zeros(seconds * 1000 // STEP_MS), np.zeros(seconds * 1000 // STEP_MS)
    turns, barge_ins, events = _conversation(generator, said, heard, slow_by)
    first_audio_ms = float(round(generator.lognormal(np.log(260 * slow_by), 0.2)))
    heard_ms = int(np.count_nonzero(heard)) * STEP_MS
    n_holes = int(generator.random() < 0.1 * slow_by)
    return runs.call(
        call_sid=sid, recording=recording, started_at=started_at, duration_ms=seconds * 1000,
        setup=Setup(webhook_ms, round(float(generator.lognormal(np.log(24 * slow_by), 0.3)), 3), first_audio_ms),
        turns=turns, barge_ins=barge_ins,
        delivery=Delivery(heard_ms + 900, heard_ms, n_holes, n_holes * 60, 0, 0),
        quality=Quality(round(float(generator.normal(-21, 0.8)), 2), float(generator.integers(3250, 3450)), 38.5, 4.4),
        crosstalk=False, faults={"31951": 1} if number % 70 == 9 else {}, n_frames=seconds * 50,
        lateness_ms=tuple(sorted(np.round(generator.gamma(2, 0.25, 100), 3).tolist())),
        embedded=Embedded(
            tuple(np.round(generator.normal(4, 9, len(barge_ins)), 1).tolist()),
            tuple(np.round(generator.gamma(3, 0.5 * slow_by, 30), 2).tolist()),
            tuple(np.round(generator.gamma(3, 0.7 * slow_by, 30), 2).tolist()),
        ),
        trace=Trace(STEP_MS, _bytes(said), _bytes(heard), tuple(sorted(events, key=lambda each: each.at_ms))),
    )  # fmt: skip


def made_run(
    stages: tuple[int, ...] = (20, 40, 60), *, stage_s: float = 90.0, seconds: int = 40
) -> RunResult:
    """A run in stages, slower in each, of calls that last so long; the worst can be listened to, and a good one."""
    start = 1_790_000_000.0
    times = [
        (place, start + 3 + stage_s * place + seconds * number / n)
        for place, n in enumerate(stages)
        for number in range(round(n * stage_s / seconds))
    ]
    calls = [
        made_call(number, round(at, 3), 1 + 0.35 * place, seconds=seconds)
        for number, (place, at) in enumerate(times)
    ]
    ended_at = start + 3 + stage_s * len(stages) + seconds
    extremes = Extremes()
    heard = [each for each in calls if extremes.take(each)]
    return runs.run(
        calls, started_at=start, ended_at=ended_at, mode="ladder" if len(stages) > 1 else "steady",
        target="https://voice.example.com",
        command="gateway loadtest calls/ --calls 60 --ramp 10/s --duration 5m --target https://voice.example.com"
        " --i-own-this-target --fail-if 'turn_latency_p95 > 1200'",
        stages=tuple(
            Stage(n, start + 3 + stage_s * place, start + 3 + stage_s * (place + 1)) for place, n in enumerate(stages)
        ),
        server=_load(calls, start, ended_at),
        audio=tuple(CallAudio(each.call_sid, _flac(each)) for each in heard if each.call_sid in extremes.sids()),
    )  # fmt: skip


def _refused(webhook_ms: float) -> tuple[Event, ...]:
    url = "https://voice.example.com/twilio/voice"
    return (
        Event(0, "webhook-sent", url),
        Event(round(webhook_ms), "twiml-taken", "wss://voice.example.com/twilio/media"),
        Event(round(webhook_ms) + 12, "ended", "stream-refused (wss://voice.example.com/twilio/media: 503)"),
    )


def _conversation(
    generator: Generator, said: Envelope, heard: Envelope, slow_by: float
) -> tuple[tuple[Turn, ...], tuple[BargeIn, ...], list[Event]]:
    """Have caller and agent speak in turns, with now and then an interruption; draw it into the envelopes."""
    length_ms = said.size * STEP_MS
    events = [
        Event(-85, "webhook-sent", "https://voice.example.com/twilio/voice"),
        Event(-40, "twiml-taken", "wss://voice.example.com/twilio/media"),
        Event(0, "stream-started", "MZ" + "2" * 32),
    ]
    at = _speak(generator, heard, 260, 2600, events)
    turns: list[Turn] = []
    barge_ins: list[BargeIn] = []
    while at < length_ms - 9000:
        interrupts = bool(barge_ins or turns) and generator.random() < 0.3
        begin = at - 900 if interrupts else at + int(generator.integers(500, 1400))
        if interrupts:
            stop_ms = int(generator.normal(190 * slow_by, 35))
            heard[(begin + stop_ms) // STEP_MS :] = 0.0
            events[:] = [
                each for each in events if each.at_ms < begin + stop_ms or each.kind != "mark-echoed"
            ]
            events.append(
                Event(begin + stop_ms - 20, "clear-received", f"{900 - stop_ms + 700} ms thrown away")
            )
            barge_ins.append(BargeIn(begin, float(stop_ms - 20), stop_ms, 900 - stop_ms + 700))
        end = _speak(generator, said, begin, int(generator.integers(900, 3200)), [])
        wait_ms = int(generator.lognormal(np.log(600 * slow_by), 0.22))
        turns.append(Turn(end, wait_ms))
        at = _speak(generator, heard, end + wait_ms, int(generator.integers(1800, 5200)), events)
    events += [Event(length_ms - 60, "digit-sent"), Event(length_ms - 20, "stop-sent")]
    return tuple(turns), tuple(barge_ins), events


def _speak(generator: Generator, side: Envelope, begin_ms: int, length_ms: int, events: list[Event]) -> int:
    """Draw syllables; mark the audio each 200 ms; tell when the last has sounded."""
    n_steps = max(1, length_ms // STEP_MS)
    times = np.arange(n_steps) * STEP_MS / 1000
    syllables = np.abs(np.sin(np.pi * times * generator.uniform(3.2, 4.6))) ** 0.7
    phrase = 0.65 + 0.35 * np.sin(np.pi * np.linspace(0.1, 0.95, n_steps))
    envelope = 0.32 * syllables * phrase * generator.uniform(0.6, 1.0, n_steps) + 0.01
    first = begin_ms // STEP_MS
    room = side[first : first + n_steps]
    room[:] = envelope[: room.size]
    events += [
        Event(begin_ms + after, "mark-echoed", f"m{begin_ms + after}") for after in range(200, length_ms, 200)
    ]
    return begin_ms + n_steps * STEP_MS


def _bytes(envelope: Envelope) -> bytes:
    return bytes(np.rint(255 * np.sqrt(envelope)).astype(np.uint8).tobytes())


def _flac(call: CallResult) -> bytes:
    """Let both sides sound: a lower voice says, a higher one is heard."""
    assert call.trace is not None
    sides = []
    for waveform, pitch in ((call.trace.said, 130), (call.trace.heard, 210)):
        level = (np.frombuffer(waveform, np.uint8) / 255) ** 2
        times = np.arange(level.size * STEP_MS * 8) / 8000
        voice = sum(np.sin(2 * np.pi * pitch * n * times) / n for n in (1, 2, 3, 5))
        sides.append(np.repeat(level, STEP_MS * 8) * voice * 0.4)
    file = io.BytesIO()
    soundfile.write(file, np.stack(sides, axis=1), 8000, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _load(calls: list[CallResult], started_at: float, ended_at: float) -> tuple[ServerSample, ...]:
    """A server that uses 4 ms of CPU and 300 kB a call, and a little without any."""
    samples, used = [], 1.5
    for at in np.arange(started_at, ended_at, 1.0).tolist():
        n = sum(each.started_at <= at < each.started_at + each.duration_ms / 1000 for each in calls)
        used += 0.01 + n * 0.004 * (1 + 0.2 * np.sin(at / 7))
        samples.append(ServerSample(at, round(used, 3), round(84 + 0.3 * n + (at - started_at) * 0.01, 2)))
    return tuple(samples)
