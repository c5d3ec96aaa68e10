"""What the bridge decides; the call carries it out."""

import msgspec


class AppendAudio(msgspec.Struct, frozen=True):
    """Give caller audio to the model."""

    audio: bytes
    """In the format that the model's session takes."""


class PlayAudio(msgspec.Struct, frozen=True):
    """Give model audio to Twilio, and after it a mark."""

    payload: bytes
    """Mu-law, 8 kHz."""
    mark_name: str


class ClearAudio(msgspec.Struct, frozen=True):
    """Have Twilio throw away what it has not played."""


class CancelResponse(msgspec.Struct, frozen=True):
    """Have the model stop generating."""

    response_id: str


class TruncateItem(msgspec.Struct, frozen=True):
    """Tell the model how much of an item was heard."""

    item_id: str
    audio_end_ms: int


class RestoreItem(msgspec.Struct, frozen=True):
    """Tell the model that more of a truncated item has been heard after all."""

    item_id: str
    from_ms: int
    """Where it was truncated, or what was told of it since."""
    to_ms: int


class DeleteItem(msgspec.Struct, frozen=True):
    """Have the model forget an item."""

    item_id: str


Command = AppendAudio | PlayAudio | ClearAudio | CancelResponse | TruncateItem | RestoreItem | DeleteItem
