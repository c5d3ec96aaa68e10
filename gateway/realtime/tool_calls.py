"""Which tool calls of which response are still running. No I/O."""

from dataclasses import dataclass, field

MAX_CALLS_PER_RESPONSE = 5
MAX_CALLS = 50
"""A model that goes round in circles is stopped here."""
MAX_REMEMBERED = 256


@dataclass
class _Batch:
    """The calls of one response."""

    running: set[str] = field(default_factory=set)
    n_calls: int = 0
    outputs: list[str] = field(default_factory=list)
    """Item ids of the outputs given."""
    response_is_done: bool = False

    @property
    def is_complete(self) -> bool:
        return self.response_is_done and not self.running and bool(self.outputs)


class ToolCalls:
    """Sees to it that each call runs once, and that a response's calls lead to one further response."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self._batches: dict[str, _Batch] = {}
        self._n_calls = 0

    @property
    def n_running(self) -> int:
        """Calls whose output has not been given."""
        return sum(len(batch.running) for batch in self._batches.values())

    def begin(self, call_id: str, response_id: str) -> bool:
        """Take a call; return False if it was taken before."""
        if call_id in self._seen:
            return False
        self._seen[call_id] = None
        self._n_calls += 1
        if len(self._seen) > MAX_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        batch = self._batches.setdefault(response_id, _Batch())
        batch.running.add(call_id)
        batch.n_calls += 1
        return True

    def is_too_many(self, response_id: str) -> bool:
        """Whether the response, or the session, has made more calls than any sensible one does."""
        batch = self._batches.get(response_id, _Batch())
        return batch.n_calls > MAX_CALLS_PER_RESPONSE or self._n_calls > MAX_CALLS

    def finish(self, call_id: str, response_id: str, output_item_id: str) -> list[str] | None:
        """A call's output was given; return all outputs of its response if a further one is due."""
        batch = self._batches[response_id]
        batch.running.discard(call_id)
        batch.outputs.append(output_item_id)
        return self._complete(response_id)

    def response_done(self, response_id: str) -> list[str] | None:
        """A response is over; return as `finish`."""
        if response_id not in self._batches:
            return None
        self._batches[response_id].response_is_done = True
        return self._complete(response_id)

    def session_lost(self) -> list[str]:
        """No response of the old session will be reported any more; return the outputs of those complete by now."""
        outputs: list[str] = []
        for response_id in list(self._batches):
            outputs += self.response_done(response_id) or []
        return outputs

    def _complete(self, response_id: str) -> list[str] | None:
        if not self._batches[response_id].is_complete:
            return None
        return self._batches.pop(response_id).outputs
