"""The server events of the Realtime protocol (GA names) that the embedded server sends.

Events are dicts for `msgspec.json.encode`; audio in them is bytes, which that writes as base64. Their
``event_id`` is added when they leave the session. Shapes: OpenAI Realtime API reference, server events.
"""

from typing import Any

from gateway.local_realtime.errors import ClientEventError

Event = dict[str, Any]


def error(fault: ClientEventError) -> Event:
    """Tell the client which of its events was refused, and why."""
    return error_detail(
        "invalid_request_error", fault.code, str(fault), param=fault.param, event_id=fault.event_id
    )


def error_detail(
    kind: str, code: str, message: str, *, param: str | None = None, event_id: str | None = None
) -> Event:
    """Tell the client of any fault."""
    detail = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
    return {"type": "error", "error": detail}


def session_event(kind: str, state: Event, *, session_id: str, expires_at: int) -> Event:
    """``session.created`` or ``session.updated``: the whole effective session."""
    session = {**state, "id": session_id, "object": "realtime.session", "expires_at": expires_at}
    return {"type": kind, "session": session}


def item_added(state: Event, previous_item_id: str | None) -> Event:
    """Tell that an item is in the conversation."""
    return {"type": "conversation.item.added", "previous_item_id": previous_item_id, "item": state}


def item_done(state: Event, previous_item_id: str | None) -> Event:
    """Tell that an item is final."""
    return {"type": "conversation.item.done", "previous_item_id": previous_item_id, "item": state}


def item_truncated(item_id: str, audio_end_ms: int) -> Event:
    """Confirm that an item's audio was forgotten after a place."""
    return {
        "type": "conversation.item.truncated",
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": audio_end_ms,
    }


def speech_started(item_id: str, audio_start_ms: int) -> Event:
    """Tell that the caller speaks."""
    return {
        "type": "input_audio_buffer.speech_started",
        "audio_start_ms": audio_start_ms,
        "item_id": item_id,
    }


def speech_stopped(item_id: str, audio_end_ms: int) -> Event:
    """Tell that the caller stopped speaking."""
    return {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms, "item_id": item_id}


def committed(item_id: str, previous_item_id: str | None) -> Event:
    """Tell that the input buffer became an item."""
    return {
        "type": "input_audio_buffer.committed",
        "previous_item_id": previous_item_id,
        "item_id": item_id,
    }


def timeout_triggered(item_id: str, audio_start_ms: int, audio_end_ms: int) -> Event:
    """Tell that the caller was silent for too long; the silence becomes an item."""
    return {
        "type": "input_audio_buffer.timeout_triggered",
        "audio_start_ms": audio_start_ms,
        "audio_end_ms": audio_end_ms,
        "item_id": item_id,
    }


def transcription_delta(item_id: str, delta: str) -> Event:
    """Give more of the caller's words of an item, or of the turn that will become it."""
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": delta,
    }


def transcription_completed(item_id: str, transcript: str, seconds: float) -> Event:
    """Give the caller's words of an item."""
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": transcript,
        "usage": {"type": "duration", "seconds": seconds},
    }


def transcription_failed(item_id: str, code: str, message: str) -> Event:
    """Tell that an item's words are not known; its audio was heard all the same."""
    return {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": item_id,
        "content_index": 0,
        "error": {"type": "transcription_error", "code": code, "message": message, "param": None},
    }


def rate_limits() -> Event:
    """Tell that nothing is used up; this server has no limits of that kind."""
    names = ("requests", "tokens")
    limits = [{"name": name, "limit": 10_000, "remaining": 10_000, "reset_seconds": 0.0} for name in names]
    return {"type": "rate_limits.updated", "rate_limits": limits}
