"""What is told of one call beside its waveform: names and values. Pure."""

from collections.abc import Sequence

from gateway.loadtest.page.spelling import amount, clock, date, number, plural
from gateway.loadtest.page.wording import FAULTS, REASONS
from gateway.loadtest.results import CallResult, Embedded

Facts = list[tuple[str, str]]


def facts(call: CallResult) -> Facts:
    """Tell what is known of a call; what is not known is left out."""
    told = [
        ("Call", call.call_sid),
        ("Recording", call.recording),
        ("Began", date(call.started_at)),
        ("Lasted", clock(call.duration_ms / 1000, 1)),
        ("Outcome", _outcome(call)),
        ("Set-up", _set_up(call)),
        *_audio(call),
        ("Cross-talk", {None: "", False: "none", True: "another caller was heard"}[call.crosstalk]),
        ("Faults", "; ".join(_fault(*each) for each in call.faults.items())),
        ("Frames", _frames(call)),
        ("File", call.wav or ""),
    ]
    return [each for each in told if each[1]]


def _outcome(call: CallResult) -> str:
    words = REASONS.get(call.outcome, call.outcome)
    return f"{'Failed: ' if call.failed else ''}{words}{f' ({call.detail})' if call.detail else ''}"


def _set_up(call: CallResult) -> str:
    parts = (
        ("webhook", call.setup.webhook_ms),
        ("handshake", call.setup.handshake_ms),
        ("first audio", call.setup.first_audio_ms),
    )
    return ", ".join(f"{name} {amount(value, 'ms')}" for name, value in parts if value is not None)


def _audio(call: CallResult) -> Facts:
    delivery, quality = call.delivery, call.quality
    if not call.n_frames:
        return []
    sound = (
        ("level", quality.level_dbfs, "dBFS"),
        ("bandwidth", quality.bandwidth_hz, "Hz"),
        ("signal to noise", quality.snr_db, "dB"),
        ("PESQ", quality.pesq, "MOS"),
    )
    holes = plural(delivery.n_under_runs, "hole", "holes")
    length = f" of {number(delivery.under_run_ms)} ms" if delivery.n_under_runs else ""
    late, marks = number(delivery.after_clear_ms), plural(delivery.n_marks_unreturned, "mark", "marks")
    sent, heard = amount(delivery.sent_ms / 1000, "s"), amount(delivery.heard_ms / 1000, "s")
    told = [
        ("Sent by the server", f"{sent}, of which {heard} were heard"),
        ("Delivery", f"{holes}{length}; {late} ms after a clear; {marks} not returned"),
        (
            "Sound",
            ", ".join(f"{name} {amount(value, unit)}" for name, value, unit in sound if value is not None),
        ),
    ]
    return [*told, *(_embedded(call.embedded) if call.embedded else [])]


def _embedded(embedded: Embedded) -> Facts:
    return [
        ("Truncation error", _range(embedded.truncation_errors_ms)),
        ("Added latency, up", _range(embedded.added_up_ms)),
        ("Added latency, down", _range(embedded.added_down_ms)),
        ("Missing audio, up", _range(embedded.missing_up_ms)),
        ("Missing audio, down", _range(embedded.missing_down_ms)),
    ]


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return amount(low, "ms") if low == high else f"{number(low)} to {amount(high, 'ms')}"


def _fault(code: str, n: int) -> str:
    return f"{n} × {code}: {FAULTS.get(code, 'no description')}"  # noqa: RUF001 - the sign for times


def _frames(call: CallResult) -> str:
    if not call.n_frames:
        return ""
    late = f", at most {amount(max(call.lateness_ms), 'ms')} late" if call.lateness_ms else ""
    return f"{call.n_frames:,} sent{late}"
