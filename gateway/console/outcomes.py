"""How a call ended, in one plain sentence for the page. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.ending import Ending
from gateway.loadtest.steps import End

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "caller-hung-up": "You hung up.",
        "caller-reset": "Your side broke the connection.",
        "caller-closed": "Your side closed the connection.",
        "gateway-hung-up": "The gateway hung up.",
        "rejected": "The gateway rejected the call.",
        "busy": "The gateway is busy. Call again in a moment.",
        "transferred": "The gateway put you through to another phone, which this page cannot ring",
        "webhook-unreachable": "The gateway's webhook cannot be reached",
        "webhook-timeout": "The gateway's webhook did not answer in time.",
        "webhook-status": "The gateway's webhook answered with an error status",
        "webhook-content-type": "The gateway's webhook did not answer with XML",
        "webhook-too-large": "The gateway's TwiML is too large.",
        "webhook-loop": "The gateway's TwiML goes round in circles.",
        "webhook-elsewhere": "The gateway's TwiML leads to another machine, which may not be called",
        "twiml-not-xml": "The gateway's TwiML is no XML",
        "twiml-invalid": "The gateway's TwiML is not valid",
        "stream-not-wss": "The gateway's media stream must be wss",
        "stream-url-invalid": "The address of the gateway's media stream is not valid",
        "stream-track-invalid": "The gateway asked for a track that media streams do not have",
        "stream-unreachable": "The gateway's media stream cannot be reached",
        "stream-timeout": "The gateway's media stream did not open in time.",
        "stream-refused": "The gateway refused the media stream",
        "stream-elsewhere": "The gateway's media stream is on another machine, which may not be called",
    }
)
"""For every reason of ``steps.REASONS``; a sentence without a full stop is followed by the detail."""

WHY: Mapping[str, str] = MappingProxyType(
    {
        "stream-lost": "The media stream was lost.",
        "no-start": "The media stream never started.",
        "media-timeout": "No sound came from this page for too long.",
        "protocol-error": "The gateway could not make sense of what this page sent.",
        "bad-token": "The gateway did not accept the media stream's token.",
        "unreachable": "The model could not be reached.",
        "refused": "The model refused the session: its key, its quota or its name.",
        "lost": "The model's session was lost, and no other could be had.",
        "transfer": "The agent passed the call on.",
        "superseded": "The media stream was given up, and another took its place.",
        "no-input": "Nobody said anything for too long.",
        "machine": "There seemed to be a machine at this end.",
        "max-duration": "The call had become as long as one may be.",
        "budget": "The call had used as much of the model as one may.",
        "voicemail": "A machine answered.",
        "drained": "The gateway is being stopped.",
        "bug": "Something in the gateway failed; its log says what.",
    }
)
"""For the reasons of ``gateway.ending`` that the caller did not bring about."""


def in_words(end: End, ending: Ending | None) -> str:
    """Tell how a call ended; ``ending`` is the gateway's own account, if it gave one."""
    sentence = SENTENCES[end.reason]
    if not sentence.endswith("."):
        sentence += f": {end.detail[:200]}." if end.detail else "."
    why = WHY.get(ending.reason) if ending and end.reason != "caller-hung-up" else None
    return f"{sentence} {why}" if why else sentence


def ended_by(end: End, ending: Ending | None) -> str:
    """Name who ended a call: ``caller``, ``gateway`` or ``model``."""
    if end.reason.startswith("caller-"):
        return "caller"
    return "model" if ending and ending.by == "model" else "gateway"
