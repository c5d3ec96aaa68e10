"""What measures, reasons, faults and events are called on the page, and what they mean. Pure.

Faults: Twilio's error dictionary, in our words.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway.loadtest.summary import PERCENTILES


class Words(NamedTuple):
    """A measure in words."""

    group: str
    label: str
    meaning: str
    """From where to where it is measured."""


GROUPS = ("Set-up", "Turns", "Barge-in", "Model side", "Delivery", "Audio quality", "Server", "Rig", "Other")

_MEASURES: Mapping[str, Words] = MappingProxyType(
    {
        "setup.webhook": Words("Set-up", "Webhook", "From sending the call's first webhook until its answer had come."),
        "setup.handshake": Words("Set-up", "Handshake", "From the webhook's answer until the media stream was open."),
        "setup.first_audio": Words(
            "Set-up", "First audio", "From the stream's start message until the caller heard the first audible sample."
        ),
        "turn_latency": Words(
            "Turns", "Turn latency", "From the caller's last voiced sample until the agent's first audible one was heard."
        ),
        "barge_in_clear": Words(
            "Barge-in", "Barge-in to clear", "From the first voiced sample of a caller who interrupts until the clear came."
        ),
        "barge_in_stop": Words(
            "Barge-in", "Barge-in to silence", "From the first voiced sample of a caller who interrupts until the agent was silent."
        ),
        "truncation_error": Words(
            "Model side", "Truncation error", "How far what the model was told was heard is from what was, whichever way."
        ),
        "added_up": Words("Model side", "Added latency, up", "From a frame's sending by the caller until the model had it."),
        "added_down": Words(
            "Model side", "Added latency, down", "From the model's sending of audio until the caller's side had it."
        ),
        "missing_up": Words("Model side", "Missing audio, up", "Of an utterance: what the caller said less what the model got."),
        "missing_down": Words(
            "Model side", "Missing audio, down", "Of an answer nobody interrupted: what the model sent less what the caller got."
        ),
        "under_run_ms": Words("Delivery", "Holes per call", "Of a call: all holes within the agent's speech, as heard, together."),
        "after_clear_ms": Words(
            "Delivery", "Audio after a clear", "Of a call: audio of the old answer that came within 500 ms after a clear."
        ),
        "snr": Words("Audio quality", "Signal to noise", "What was heard against the clean reference."),
        "level": Words("Audio quality", "Level", "RMS of the voiced parts of what was heard."),
        "bandwidth": Words("Audio quality", "Bandwidth", "The frequency below which 99.5% of the power of what was heard lies."),
        "pesq": Words("Audio quality", "PESQ", "MOS-LQO, narrowband, of what was heard against the clean reference."),
        "cpu_per_call": Words("Server", "CPU per call", "The server's CPU time per second of one call, between two samples."),
        "memory_per_call": Words("Server", "Memory per call", "The server's memory above that of the idle server, by calls at once."),
        "frame_lateness": Words("Rig", "Frame lateness", "How far behind its deadline the rig itself sent a caller's frame."),
    }
)  # fmt: skip

COUNTS: Mapping[str, str] = MappingProxyType(
    {
        "calls": "Calls placed",
        "answered": "Calls with a media stream",
        "failures": "Calls failed",
        "failed": "Share of calls failed",
        "peak": "Most calls at once",
        "faults": "Faults of the server",
        "unanswered_turns": "Turns without a reply",
        "unstopped_barge_ins": "Barge-ins the agent spoke through",
        "marks_unreturned": "Marks not returned",
        "crosstalk": "Calls that heard another caller",
        "under_runs_per_call_mean": "Holes per call, mean",
    }
)

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "caller-hung-up": "The caller hung up",
        "caller-reset": "The caller broke the connection, as told to",
        "caller-closed": "The caller closed the socket without a stop, as told to",
        "gateway-hung-up": "The server hung up",
        "rejected": "The server rejected the call",
        "busy": "The server was busy",
        "transferred": "The caller was put through",
        "stream-broken": "The media stream broke",
        "stream-given-up": "The server closed the media stream with an error",
        "webhook-unreachable": "The webhook could not be reached",
        "webhook-timeout": "The webhook did not answer in time",
        "webhook-status": "The webhook answered with an error status",
        "webhook-content-type": "The webhook's answer was not XML by its content type",
        "webhook-too-large": "The webhook's answer was too large",
        "webhook-loop": "The webhooks went round in a loop",
        "webhook-elsewhere": "The webhook is on another machine, which may not be called",
        "twiml-not-xml": "The TwiML was not well-formed XML",
        "twiml-invalid": "The TwiML was not valid",
        "stream-not-wss": "The stream's URL was not wss",
        "stream-url-invalid": "The stream's URL was malformed",
        "stream-track-invalid": "The stream asked for a track there is not",
        "stream-unreachable": "The media stream could not be reached",
        "stream-timeout": "The media stream's handshake took too long",
        "stream-refused": "The media stream's handshake was refused",
        "stream-elsewhere": "The media stream goes to another machine, which may not be called",
    }
)

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "15003": "A callback that only informs was not taken: no answer, or an error status.",
        "31903": "The media stream's connection broke without a close.",
        "31921": "The server closed the media stream.",
        "31924": "The server broke the WebSocket protocol.",
        "31930": "The server read too slowly; a carrier would drop the caller's audio.",
        "31931": "More than ten minutes of audio were queued; what came after was thrown away.",
        "31950": "A message was not text, so it could not be read.",
        "31951": "A message had a missing, additional or wrong field, or was for another stream.",
        "bad-audio": "A media message's payload was empty or no base64.",
    }
)

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "webhook-sent": "Webhook sent",
        "verb-skipped": "TwiML verb passed over",
        "twiml-taken": "TwiML taken",
        "dialled": "Dialled",
        "keys-asked": "Keys asked for",
        "call-changed": "Call changed from outside",
        "stream-started": "Stream started",
        "media-received": "Audio received",
        "mark-received": "Mark received",
        "mark-echoed": "Mark returned",
        "clear-received": "Clear received",
        "digit-sent": "Key pressed",
        "fault": "Fault of the server",
        "stop-sent": "Stop sent",
        "stream-closed": "Stream closed",
        "ended": "Call ended",
    }
)


def measure_words(name: str) -> Words:
    """Put a measure in words; one that nobody has described keeps its name."""
    return _MEASURES.get(name, Words("Other", name, ""))


def figure_label(name: str) -> str:
    """Put in words what a threshold is about: a count, or a measure with its percentile."""
    measure, _, which = name.rpartition("_")
    if name in COUNTS or which not in PERCENTILES:
        return COUNTS.get(name, name)
    return f"{measure_words(measure).label} {which}"
