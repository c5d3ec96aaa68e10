"""What was going on when a session was lost, and so what the next one has to do. No I/O."""

from collections.abc import Sequence
from enum import Enum, auto

from gateway.realtime.conversation import Item
from gateway.realtime.history import heard_text
from gateway.realtime.response_gate import ResponseGate

LINE_WAS_LOST = (
    "The connection was lost for a moment, and what the caller said last did not arrive. Apologise in a few words "
    "and ask them to say it again, in the language of the conversation."
)
ANSWER_WAS_CUT = (
    "The connection was lost while you were answering: the caller heard your last message only as far as it stands "
    "above. Go on from there, without a greeting and without repeating it."
)


class Lost(Enum):
    """What a lost session leaves behind."""

    NOTHING = auto()
    """Nobody was waiting, or a tool's output will lead to an answer anyway."""
    CALLER_SPEAKING = auto()
    """The caller's turn had begun: its beginning is lost, and perhaps its end."""
    ANSWER = auto()
    """The caller's turn was over, and nothing of the answer had been heard."""
    REST_OF_ANSWER = auto()
    """The model was in the middle of its answer."""


def what_is_lost(gate: ResponseGate, items: Sequence[Item]) -> Lost:
    """Say what a session leaves behind, by the state it was lost in."""
    if gate.caller_speaking:
        return Lost.CALLER_SPEAKING
    if gate.active is not None:
        return _of_response([item for item in items if item.response_id == gate.active])
    if gate.owed_since is not None:
        return Lost.ANSWER
    return Lost.NOTHING


def _of_response(items: Sequence[Item]) -> Lost:
    if any(item.type == "function_call" and item.status == "completed" for item in items):
        return Lost.NOTHING
    was_heard = any(item.type == "message" and heard_text(item) for item in items)
    return Lost.REST_OF_ANSWER if was_heard else Lost.ANSWER
