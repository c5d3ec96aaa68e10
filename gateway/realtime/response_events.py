"""The server events of a response: what the model generates, piece by piece. Part of `gateway.realtime.events`."""

from gateway.realtime.event_parts import ContentPart, Event, Id, ItemState, ResponseState


class ResponseCreated(Event, frozen=True, tag="response.created"):
    """The model starts to generate."""

    response: ResponseState


class ResponseDone(Event, frozen=True, tag="response.done"):
    """The model stopped generating, for whatever reason; once per response."""

    response: ResponseState


class OutputItemAdded(Event, frozen=True, tag="response.output_item.added"):
    """A response begins an item."""

    item: ItemState
    response_id: Id = ""


class OutputItemDone(Event, frozen=True, tag="response.output_item.done"):
    """A response's item is final, also when it was cut."""

    item: ItemState
    response_id: Id = ""


class ContentPartAdded(Event, frozen=True, tag="response.content_part.added"):
    """A response's item gets a part. Its type is ``text`` or ``audio``, unlike in items."""

    item_id: Id = ""
    part: ContentPart = ContentPart()
    response_id: Id = ""
    content_index: int = 0


class ContentPartDone(Event, frozen=True, tag="response.content_part.done"):
    """A part is final, also when it was cut."""

    item_id: Id = ""
    part: ContentPart = ContentPart()
    response_id: Id = ""
    content_index: int = 0


class AudioDelta(Event, frozen=True, tag="response.output_audio.delta"):
    """More of the model's speech, several times faster than real time."""

    item_id: Id = ""
    delta: bytes = b""
    """PCM16 24 kHz, or whatever format the session confirmed. Not aligned to samples."""
    response_id: Id = ""
    content_index: int = 0

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.item_id}, {len(self.delta)} bytes"

    __repr__ = __str__


class AudioDone(Event, frozen=True, tag="response.output_audio.done"):
    """The item's audio is complete, or cut."""

    item_id: Id = ""
    response_id: Id = ""
    content_index: int = 0


class TranscriptDelta(Event, frozen=True, tag="response.output_audio_transcript.delta"):
    """Words of the model's speech, ahead of the sound."""

    item_id: Id = ""
    delta: str = ""
    response_id: Id = ""
    content_index: int = 0


class TranscriptDone(Event, frozen=True, tag="response.output_audio_transcript.done"):
    """The transcript of the model's speech is final."""

    item_id: Id = ""
    transcript: str = ""
    response_id: Id = ""
    content_index: int = 0


class TextDelta(Event, frozen=True, tag="response.output_text.delta"):
    """More of a text answer."""

    item_id: Id = ""
    delta: str = ""
    response_id: Id = ""
    content_index: int = 0


class TextDone(Event, frozen=True, tag="response.output_text.done"):
    """A text answer is final."""

    item_id: Id = ""
    text: str = ""
    response_id: Id = ""
    content_index: int = 0


class ArgumentsDelta(Event, frozen=True, tag="response.function_call_arguments.delta"):
    """More of a function call's arguments."""

    item_id: Id = ""
    delta: str = ""
    response_id: Id = ""
    call_id: Id = ""


class ArgumentsDone(Event, frozen=True, tag="response.function_call_arguments.done"):
    """A function call's arguments are final, also when the call was cut: no reason yet to run it."""

    item_id: Id = ""
    call_id: Id = ""
    arguments: str = ""
    name: Id = ""
    response_id: Id = ""


class BetaAudioDelta(AudioDelta, frozen=True, tag="response.audio.delta"):
    """The beta's name."""


class BetaAudioDone(AudioDone, frozen=True, tag="response.audio.done"):
    """The beta's name."""


class BetaTranscriptDelta(TranscriptDelta, frozen=True, tag="response.audio_transcript.delta"):
    """The beta's name."""


class BetaTranscriptDone(TranscriptDone, frozen=True, tag="response.audio_transcript.done"):
    """The beta's name."""


class BetaTextDelta(TextDelta, frozen=True, tag="response.text.delta"):
    """The beta's name."""


class BetaTextDone(TextDone, frozen=True, tag="response.text.done"):
    """The beta's name."""
