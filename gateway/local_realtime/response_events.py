"""The wire shapes of one response and its one item: all its events carry the same ids and settings."""

from typing import Any

import msgspec

from gateway.local_realtime.formats import AudioFormat
from gateway.local_realtime.server_events import Event


class ResponseSettings(msgspec.Struct, frozen=True):
    """What a response is made with: the session's settings under those of ``response.create``."""

    modality: str
    """``"audio"`` or ``"text"``."""
    audio_format: AudioFormat
    voice: Any
    max_output_tokens: int | str
    metadata: dict[str, str] | None
    input_tokens: dict[str, int]


class ResponseEvents:
    """Builds the events of one response. ``conversation_id`` is None out of band."""

    def __init__(
        self, response_id: str, item_id: str, settings: ResponseSettings, *, conversation_id: str | None
    ) -> None:
        self._ids = {"response_id": response_id}
        self._item_id = item_id
        self._settings = settings
        self._conversation_id = conversation_id
        self._audible = settings.modality == "audio"
        self._stream = "response.output_audio_transcript" if self._audible else "response.output_text"

    def item_state(self, status: str, content: list[Event]) -> Event:
        """The item, as in ``response.output_item.*`` and ``conversation.item.*``."""
        return {
            "id": self._item_id,
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }

    def item_content(self, words: str) -> list[Event]:
        """What a final item holds; its part types have longer names than those of the part events."""
        part = self._part(words)
        return [{**part, "type": f"output_{part['type']}"}]

    def output_item(self, stage: str, state: Event) -> Event:
        """``response.output_item.added`` or ``.done``."""
        return {"type": f"response.output_item.{stage}", **self._ids, "output_index": 0, "item": state}

    def content_part(self, stage: str, words: str) -> Event:
        """``response.content_part.added`` or ``.done``."""
        return self._in_part(f"response.content_part.{stage}", part=self._part(words))

    def words_delta(self, words: str) -> Event:
        """More words, of the transcript or of the text."""
        return self._in_part(f"{self._stream}.delta", delta=words)

    def audio_delta(self, payload: bytes) -> Event:
        """More audio, in the client's format."""
        return self._in_part("response.output_audio.delta", delta=payload)

    def streams_done(self, words: str) -> list[Event]:
        """Close what had deltas."""
        if self._audible:
            audio_done = self._in_part("response.output_audio.done")
            return [audio_done, self._in_part(f"{self._stream}.done", transcript=words)]
        return [self._in_part(f"{self._stream}.done", text=words)]

    def created(self) -> Event:
        """The response as it begins."""
        return {"type": "response.created", "response": self._response("in_progress", None, [], None)}

    def done(self, status: str, details: Event, output: list[Event], usage: Event) -> Event:
        """The response as it ended."""
        return {"type": "response.done", "response": self._response(status, details, output, usage)}

    def _part(self, words: str) -> Event:
        if self._audible:
            return {"type": "audio", "transcript": words}
        return {"type": "text", "text": words}

    def _in_part(self, kind: str, **fields: Any) -> Event:
        place = {"item_id": self._item_id, "output_index": 0, "content_index": 0}
        return {"type": kind, **self._ids, **place, **fields}

    def _response(
        self, status: str, details: Event | None, output: list[Event], usage: Event | None
    ) -> Event:
        audio_output = {"format": self._settings.audio_format, "voice": self._settings.voice}
        return {
            "object": "realtime.response",
            "id": self._ids["response_id"],
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
