"""A function_call item of a response: the model calls a tool of the client's."""

from gateway.local_realtime.conversation import Item
from gateway.local_realtime.persona import ToolCall
from gateway.local_realtime.server_events import Event

_CHARACTERS_PER_DELTA = 12


class AnswerCall:
    """Generates one call's arguments, delta by delta. ``place`` is what all its events say of where it is."""

    audio_ms = 0
    """A call has no sound."""
    ready = True
    """Its arguments are known."""

    def __init__(self, place: Event, call: ToolCall, call_id: str) -> None:
        self._place = place
        self._name = call.name
        self._call_id = call_id
        self._arguments = call.arguments
        self.words = ""
        self.item = Item(self._state("in_progress"))

    @property
    def complete(self) -> bool:
        """Whether all of the arguments have been given."""
        return len(self.words) == len(self._arguments)

    def next_amount(self) -> tuple[int, int]:
        """The characters and the ms of audio that the next delta will add."""
        return len(self._next_characters()), 0

    def begin(self) -> list[Event]:
        """Nothing is opened: a call has no content parts."""
        return []

    def next_delta(self) -> list[Event]:
        """Give the next characters of the arguments; nothing if they are empty."""
        delta = self._next_characters()
        self.words += delta
        kind = "response.function_call_arguments.delta"
        return [{"type": kind, **self._place, "call_id": self._call_id, "delta": delta}] if delta else []

    def end(self, status: str) -> list[Event]:
        """Close the arguments, whole or not; the item is final."""
        self.item.state = self._state(status)
        return [
            {
                "type": "response.function_call_arguments.done",
                **self._place,
                "call_id": self._call_id,
                "name": self._name,
                "arguments": self.words,
            }
        ]

    def _next_characters(self) -> str:
        n_given = len(self.words)
        return self._arguments[n_given : n_given + _CHARACTERS_PER_DELTA]

    def _state(self, status: str) -> Event:
        return {
            "id": self._place["item_id"],
            "object": "realtime.item",
            "type": "function_call",
            "status": status,
            "call_id": self._call_id,
            "name": self._name,
            "arguments": self.words,
        }
