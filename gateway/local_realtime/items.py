"""What a client may put into the conversation: ``conversation.item.create`` and ``response.create`` input.

Shapes: OpenAI Realtime API reference, conversation items.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.local_realtime.errors import ClientEventError

OwnId = Annotated[str, Meta(min_length=1, max_length=32)]
"""An id made by the client."""
Status = Literal["completed", "incomplete", "in_progress"]


class InputText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="input_text"):
    """Words typed by the user or given by the system."""

    text: str


class InputAudio(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="input_audio"
):
    """Speech of the user, in the session's input format."""

    audio: bytes
    transcript: str | None = None


class InputImage(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="input_image"
):
    """A picture as a data URI; nobody looks at it here."""

    image_url: str
    detail: Literal["auto", "low", "high"] = "auto"


class OutputText(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="output_text"
):
    """What the assistant said before, when a conversation is restored."""

    text: str


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="message"):
    """Something said, by whom."""

    role: Literal["system", "user", "assistant"]
    content: list[InputText | InputAudio | InputImage | OutputText]
    id: OwnId | None = None
    object: Literal["realtime.item"] = "realtime.item"
    status: Status | None = None


class FunctionCall(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function_call"
):
    """A tool call made before, when a conversation is restored."""

    name: str
    arguments: str
    call_id: str | None = None
    id: OwnId | None = None
    object: Literal["realtime.item"] = "realtime.item"
    status: Status | None = None


class FunctionCallOutput(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="function_call_output"
):
    """What a tool answered."""

    call_id: str
    output: str
    id: OwnId | None = None
    object: Literal["realtime.item"] = "realtime.item"
    status: Status | None = None


class McpApprovalResponse(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="mcp_approval_response"
):
    """Leave, or not, to call a remote tool."""

    id: OwnId
    approval_request_id: str
    approve: bool
    reason: str | None = None


NewItem = Message | FunctionCall | FunctionCallOutput | McpApprovalResponse


class ItemReference(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="item_reference"
):
    """Stands for an item of the conversation, in the input of one response."""

    id: str


_ALLOWED = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText,),
}


def check_content(item: NewItem, where: str) -> None:
    """Refuse content that does not belong to the message's role; ``where`` is the item's place in the event.

    Raises:
        ClientEventError: the role cannot have said that.
    """
    if isinstance(item, Message):
        for index, part in enumerate(item.content):
            if not isinstance(part, _ALLOWED[item.role]):
                message = f"Invalid content type for role '{item.role}'"
                raise ClientEventError(message, param=f"{where}.content[{index}].type")


def wire_state(item: NewItem, item_id: str) -> dict[str, Any]:
    """Write the item as the server repeats it: with an id and a status, without audio or pictures."""
    state: dict[str, Any] = msgspec.to_builtins(item)
    state["id"] = item_id
    if not isinstance(item, McpApprovalResponse):
        state["status"] = "completed"
    for part in state.get("content", ()):
        part.pop("audio", None)
        part.pop("image_url", None)
    return state


def audio_bytes(item: NewItem) -> int:
    """How many bytes of audio the item brings along."""
    parts = item.content if isinstance(item, Message) else []
    return sum(len(part.audio) for part in parts if isinstance(part, InputAudio))


def unwritten_audio(item: NewItem) -> bytes:
    """Give the audio of a user's message that came without its words."""
    parts = item.content if isinstance(item, Message) else []
    return b"".join(part.audio for part in parts if isinstance(part, InputAudio) and not part.transcript)
