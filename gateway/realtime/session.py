"""The session we ask for: audio formats, voice, turn detection. OpenAI Realtime API reference, session.update."""

from typing import Any

import msgspec

from gateway.errors import RealtimeError
from gateway.realtime.events import AudioDirection, Session

PCM16_24K = {"type": "audio/pcm", "rate": 24_000}
DEFAULT_INSTRUCTIONS = (
    "You are speaking with a caller on the telephone. Be brief and friendly, one or two sentences at a time, "
    "and let the caller interrupt you. Ask when you did not understand."
)


class TurnDetection(msgspec.Struct, frozen=True):
    """Detection of the caller's turns by the server, from the level of speech."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    create_response: bool = True
    interrupt_response: bool = True


class SessionConfig(msgspec.Struct, frozen=True):
    """How the model should behave on a call."""

    instructions: str = DEFAULT_INSTRUCTIONS
    voice: str = "marin"
    turn_detection: TurnDetection | None = TurnDetection()
    """None leaves committing and answering to the application."""
    transcription_model: str | None = "gpt-transcribe"
    """What writes down the caller's words; None for no transcript."""
    noise_reduction: str | None = "near_field"


def session_update(config: SessionConfig) -> dict[str, Any]:
    """The ``session`` of a complete session.update, PCM16 24 kHz both ways."""
    detection = config.turn_detection
    transcription, reduction = config.transcription_model, config.noise_reduction
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": config.instructions,
        "audio": {
            "input": {
                "format": PCM16_24K,
                "noise_reduction": {"type": reduction} if reduction else None,
                "transcription": {"model": transcription} if transcription else None,
                "turn_detection": {"type": "server_vad", **msgspec.structs.asdict(detection)}
                if detection
                else None,
            },
            "output": {"format": PCM16_24K, "voice": config.voice},
        },
    }


def check_formats(session: Session) -> None:
    """Hold the audio formats that the server confirms against those we asked for.

    A server that confirms none is taken at its word that it accepted the update.

    Raises:
        RealtimeError: another format was confirmed. Sound in it would be noise.
    """
    if session.audio is None:
        return
    for direction, confirmed in (("input", session.audio.input), ("output", session.audio.output)):
        if confirmed is not None and not _is_ours(confirmed):
            assert confirmed.format is not None  # noqa: S101 - _is_ours accepts a missing one
            raise RealtimeError(
                f"the server confirmed {confirmed.format.type} at {confirmed.format.rate} Hz for {direction} audio",
                code="wrong_audio_format",
            )


def _is_ours(direction: AudioDirection) -> bool:
    echo = direction.format
    return echo is None or (echo.type == PCM16_24K["type"] and echo.rate in {None, PCM16_24K["rate"]})
