"""The client events of the Realtime protocol (GA names), read strictly, and the mistakes found on the way.

Shapes: OpenAI Realtime API reference, client events. What the real service refuses is refused here, so that a
client's mistake shows before it costs a phone call.
"""

import contextlib
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.formats import AudioFormat
from gateway.local_realtime.items import (
    FunctionCall,
    FunctionCallOutput,
    ItemReference,
    McpApprovalResponse,
    Message,
    NewItem,
)
from gateway.local_realtime.session_fields import (
    MaxTokens,
    Modalities,
    Prompt,
    Reasoning,
    SessionPatch,
    ToolChoice,
    Tools,
    VoiceId,
)

EventId = Annotated[str, Meta(max_length=512)]


class _ClientEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    """What all client events share."""

    event_id: EventId | None = None
    """The client's own id, repeated in an error about this event."""


class SessionUpdate(_ClientEvent, frozen=True, tag="session.update"):
    """Change the session: all of it or, on any mistake, nothing."""

    session: SessionPatch


class AppendAudio(_ClientEvent, frozen=True, tag="input_audio_buffer.append"):
    """More caller audio, in the session's input format."""

    audio: bytes


class CommitAudio(_ClientEvent, frozen=True, tag="input_audio_buffer.commit"):
    """Make the audio since the last commit a user item."""


class ClearInput(_ClientEvent, frozen=True, tag="input_audio_buffer.clear"):
    """Forget the audio since the last commit."""


class ClearOutput(_ClientEvent, frozen=True, tag="output_audio_buffer.clear"):
    """Only for connections where the server plays the audio, which a WebSocket is not."""


class CreateItem(_ClientEvent, frozen=True, tag="conversation.item.create"):
    """Put an item into the conversation."""

    item: NewItem
    previous_item_id: str | None = None
    """``"root"`` puts it first; None, last."""


class RetrieveItem(_ClientEvent, frozen=True, tag="conversation.item.retrieve"):
    """Ask for an item as the server knows it."""

    item_id: str


class TruncateItem(_ClientEvent, frozen=True, tag="conversation.item.truncate"):
    """Tell how much of an item's audio was heard."""

    item_id: str
    content_index: Annotated[int, Meta(ge=0, le=0)]
    audio_end_ms: Annotated[int, Meta(ge=0)]


class DeleteItem(_ClientEvent, frozen=True, tag="conversation.item.delete"):
    """Take an item out of the conversation."""

    item_id: str


class ResponseOutput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this one response sounds."""

    format: AudioFormat | UnsetType = UNSET
    voice: str | VoiceId | UnsetType = UNSET


class ResponseAudio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The audio settings a response may have of its own."""

    output: ResponseOutput | UnsetType = UNSET


class ResponseParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is different for this one response; the session's settings hold for the rest."""

    audio: ResponseAudio | UnsetType = UNSET
    conversation: Literal["auto", "none"] = "auto"
    input: list[Message | FunctionCall | FunctionCallOutput | McpApprovalResponse | ItemReference] | None = (
        None
    )
    instructions: str | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    metadata: (
        Annotated[
            dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
            Meta(max_length=16),
        ]
        | None
    ) = None
    output_modalities: Modalities | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    prompt: Prompt | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType | None = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    tools: Tools | UnsetType = UNSET


class CreateResponse(_ClientEvent, frozen=True, tag="response.create"):
    """Have the model answer."""

    response: ResponseParams = ResponseParams()


class CancelResponse(_ClientEvent, frozen=True, tag="response.cancel"):
    """Have the model stop."""

    response_id: str | None = None
    """None means the response that writes to the conversation."""


ClientEvent = (
    SessionUpdate | AppendAudio | CommitAudio | ClearInput | ClearOutput
    | CreateItem | RetrieveItem | TruncateItem | DeleteItem | CreateResponse | CancelResponse
)  # fmt: skip


class _Envelope(msgspec.Struct, frozen=True):
    """The part of an event that is wanted when the rest is wrong."""

    event_id: Any = None


_decoder: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)
_envelope_decoder = msgspec.json.Decoder(_Envelope)
LEGAL_TYPES = sorted(str(cls.__struct_config__.tag) for cls in ClientEvent.__args__)
_event_id_in_ruins = re.compile(r'"event_id"\s*:\s*"([^"\\]{0,512})"')
_mistake = re.compile(r"(?P<what>.+?)(?: - at `\$\.?(?P<where>.*)`)?")
_field = re.compile(r"Object (?P<kind>missing required|contains unknown) field `(?P<name>.*)`")
_bound = re.compile(r"Expected `int` (?P<side>>=|<=) ")


def decode_client_event(text: str | bytes) -> ClientEvent:
    """Read one client event.

    Raises:
        ClientEventError: it is not one; the error names the field and the client's event id where it can.
    """
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as exc:
        error = _invalid(str(exc))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        error = ClientEventError("The event is not valid JSON")
    error.event_id = _event_id(text)
    raise error


def _invalid(message: str) -> ClientEventError:
    """Say in the protocol's words what msgspec found."""
    found = _mistake.fullmatch(message)
    what, where = (found["what"], found["where"] or "") if found else (message, "")
    if field := _field.fullmatch(what):
        param = f"{where}.{field['name']}".lstrip(".")
        if field["kind"] == "missing required":
            code, text = "missing_required_parameter", f"Missing required parameter: '{param}'."
        else:
            code, text = "unknown_parameter", f"Unknown parameter: '{param}'."
        return ClientEventError(text, code=code, param=param)
    if where == "type":
        return ClientEventError(f"{what}. Supported values are: {', '.join(LEGAL_TYPES)}.", param="type")
    code = "invalid_value"
    if bound := _bound.match(what):
        code = "integer_below_min_value" if bound["side"] == ">=" else "integer_above_max_value"
    return ClientEventError(what, code=code, param=where or None)


def _event_id(text: str | bytes) -> str | None:
    with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
        event_id = _envelope_decoder.decode(text).event_id
        return event_id if isinstance(event_id, str) else None
    ruins = text if isinstance(text, str) else text.decode(errors="replace")
    found = _event_id_in_ruins.search(ruins)
    return found[1] if found else None
