"""The wire shapes of one response: what tells of it as a whole, and of the items in its output."""

from typing import Any

import msgspec

from gateway.local_realtime.response_settings import ResponseSettings
from gateway.local_realtime.server_events import Event


class ResponseEvents:
    """Builds the events of one response. ``conversation_id`` is None out of band."""

    def __init__(self, response_id: str, settings: ResponseSettings, *, conversation_id: str | None) -> None:
        self._response_id = response_id
        self._settings = settings
        self._conversation_id = conversation_id

    def created(self) -> Event:
        """The response as it begins."""
        return {"type": "response.created", "response": self._response("in_progress", None, [], None)}

    def done(self, status: str, details: Event, output: list[Event], usage: Event) -> Event:
        """The response as it ended."""
        return {"type": "response.done", "response": self._response(status, details, output, usage)}

    def output_item(self, stage: str, output_index: int, state: Event) -> Event:
        """``response.output_item.added`` or ``.done``."""
        return {
            "type": f"response.output_item.{stage}",
            "response_id": self._response_id,
            "output_index": output_index,
            "item": state,
        }

    def _response(
        self, status: str, details: Event | None, output: list[Event], usage: Event | None
    ) -> dict[str, Any]:
        audio_output = {"format": self._settings.audio_format, "voice": self._settings.voice}
        return {
            "object": "realtime.response",
            "id": self._response_id,
            "status": status,
            "status_details": details,
            "output": output,
            "conversation_id": self._conversation_id,
            "output_modalities": [self._settings.modality],
            "max_output_tokens": self._settings.max_output_tokens,
            "audio": {"output": msgspec.to_builtins(audio_output)},
            "usage": usage,
            "metadata": self._settings.metadata,
        }
