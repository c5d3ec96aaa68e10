"""The responses of a conversation: how each ended and what it used."""

from dataclasses import dataclass, field

from gateway.realtime.event_parts import ResponseState
from gateway.realtime.usage import TokenUsage

MAX_RESPONSES = 64
MAX_RESPONSE_ITEMS = 128


@dataclass
class Response:
    """One generation by the model."""

    id: str
    status: str = "in_progress"
    """``in_progress``, then ``completed``, ``cancelled``, ``incomplete`` or ``failed``."""
    reason: str | None = None
    """Why it did not complete: the reason given, or the code of its error."""
    item_ids: list[str] = field(default_factory=list)
    conversation_id: str | None = None
    out_of_band: bool = False
    """Whether the server said that it belongs to no conversation."""
    metadata: dict[str, str] = field(default_factory=dict)
    """What the request gave along, to know its response by."""
    usage: TokenUsage | None = None

    def update(self, state: ResponseState) -> None:
        """Take what the server says about it."""
        self.status = state.status or self.status
        if (details := state.status_details) is not None:
            code = (details.error.code or details.error.type)[:200] if details.error else None
            self.reason = details.reason or code or self.reason
        if state.conversation_id is None:
            self.out_of_band = True
        elif isinstance(state.conversation_id, str):
            self.conversation_id, self.out_of_band = state.conversation_id, False
        if state.metadata:
            self.metadata = {
                key[:64]: value[:512]
                for key, value in list(state.metadata.items())[:16]
                if isinstance(value, str)
            }

    def finish(self, state: ResponseState) -> None:
        """Take what the server says at its end."""
        self.update(state)
        if self.status == "in_progress":
            self.status = "completed"

    def add_item(self, item_id: str) -> None:
        """Note an item of this response."""
        if item_id not in self.item_ids and len(self.item_ids) < MAX_RESPONSE_ITEMS:
            self.item_ids.append(item_id)


class Responses:
    """The latest 64 responses."""

    def __init__(self) -> None:
        self._responses: dict[str, Response] = {}

    def get(self, response_id: str) -> Response | None:
        """The response of that id, while it is remembered."""
        return self._responses.get(response_id)

    def take(self, response_id: str) -> Response:
        """The response of that id, remembered from now on; one without an id is not."""
        response = self._responses.get(response_id)
        if response is None:
            response = Response(response_id)
            if response_id:
                self._responses[response_id] = response
            if len(self._responses) > MAX_RESPONSES:
                del self._responses[next(iter(self._responses))]
        return response

    def end_session(self) -> None:
        """Give up what was being generated: its socket is gone."""
        for response in self._responses.values():
            if response.status == "in_progress":
                response.status, response.reason = "incomplete", "session_ended"
