"""The conversation inside a session of the fake realtime server, and what may be done to it. No I/O, no clock."""

import copy
from dataclasses import dataclass

from tests.fake_behaviour import Event

LONGEST_ID = 32


@dataclass(frozen=True)
class Refusal:
    """Why a client may not do what it asked for."""

    code: str
    message: str


class Conversation:
    """The items of one session, in the order of the conversation."""

    def __init__(self) -> None:
        self.items: list[Event] = []
        self.has_spoken = False
        """The model has said something, so that its voice is locked."""
        self._used_ids: set[str] = set()
        self._spoken_ms: dict[str, float] = {}

    def refusal(self, item: Event, previous_item_id: str | None) -> Refusal | None:
        """Why a client may not create an item there; None if it may."""
        item_id = item["id"]
        if item_id in self._used_ids:
            return Refusal("item_create_duplicate_item_id", f"the item id {item_id} was used before")
        for name in ("id", "call_id"):
            if len(item.get(name) or "") > LONGEST_ID:
                return Refusal("string_above_max_length", f"{name} {item[name]} is longer than {LONGEST_ID}")
        if previous_item_id not in {None, "root"} and self._place(str(previous_item_id)) is None:
            return Refusal("invalid_value", f"{item_id} follows the unknown item {previous_item_id}")
        return self._output_refusal(item) if item["type"] == "function_call_output" else None

    def put(self, item: Event, previous_item_id: str | None = None) -> str | None:
        """Put an item behind another (None: at the end) or in place of its older self; return the one before."""
        self._used_ids.add(item["id"])
        place = self._place(item["id"])
        if place is not None:
            self.items[place] = copy.deepcopy(item)
        else:
            place = self._place_after(previous_item_id)
            self.items.insert(place, copy.deepcopy(item))
        return self.items[place - 1]["id"] if place else None

    def spoke(self, item_id: str, ms: float) -> None:
        """Account for sound of an item that this session makes."""
        self.has_spoken = True
        self._spoken_ms[item_id] = self._spoken_ms.get(item_id, 0.0) + ms

    def transcribed(self, item_id: str, transcript: str) -> None:
        """Put down what the caller said."""
        place = self._place(item_id)
        if place is not None:
            self.items[place]["content"] = [{"type": "input_audio", "transcript": transcript}]

    def truncate(self, item_id: str, content_index: int, end_ms: int) -> Refusal | None:
        """Cut an item that this session spoke, which loses its transcript; or say why not."""
        spoken_ms = self._spoken_ms.get(item_id)
        if spoken_ms is None or content_index != 0 or end_ms < 0:
            problem = "Only model output audio messages can be truncated"
        elif end_ms > spoken_ms:
            problem = f"Audio content of {spoken_ms:.0f}ms is already shorter than {end_ms}ms"
        else:
            self._spoken_ms[item_id] = end_ms
            place = self._place(item_id)
            if place is not None:
                self.items[place]["content"] = [{"type": "output_audio"}]
            return None
        return Refusal("invalid_value", problem)

    def delete(self, item_id: str) -> Refusal | None:
        """Forget an item; or say why not."""
        place = self._place(item_id)
        if place is None:
            return Refusal("item_delete_invalid_item_id", f"the unknown item {item_id}")
        del self.items[place]
        self._spoken_ms.pop(item_id, None)
        return None

    def orphan_calls(self) -> list[str]:
        """The call ids of the completed function calls that have no output."""
        answered = {item["call_id"] for item in self.items if item["type"] == "function_call_output"}
        calls = [item for item in self.items if item["type"] == "function_call"]
        made = [call["call_id"] for call in calls if call["status"] == "completed"]
        return [call_id for call_id in made if call_id not in answered]

    def text(self) -> str:
        """The conversation to read: one line per item."""
        return "\n".join(_line(item) for item in self.items)

    def _output_refusal(self, item: Event) -> Refusal | None:
        call_id = item["call_id"]
        calls = [each for each in self.items if each.get("call_id") == call_id]
        statuses = [each["status"] for each in calls if each["type"] == "function_call"]
        if not statuses:
            return Refusal("invalid_value", f"an output for the unknown call {call_id}")
        if len(calls) > len(statuses):
            return Refusal("invalid_value", f"a second output for the call {call_id}")
        if "completed" not in statuses:
            return Refusal("invalid_value", f"an output for the call {call_id}, which was not completed")
        return None

    def _place(self, item_id: str) -> int | None:
        return next((place for place, item in enumerate(self.items) if item["id"] == item_id), None)

    def _place_after(self, item_id: str | None) -> int:
        if item_id == "root":
            return 0
        place = None if item_id is None else self._place(item_id)
        return len(self.items) if place is None else place + 1


def text_of(item: Event) -> str:
    """The words of a message: its texts and transcripts."""
    parts = [part.get("text") or part.get("transcript") or "" for part in item.get("content", [])]
    return " ".join(part for part in parts if part)


def _line(item: Event) -> str:
    match item["type"]:
        case "message":
            return f"{item['role']}: {text_of(item)}"
        case "function_call":
            return f"call {item['call_id']}: {item['name']} {item['arguments']}"
        case "function_call_output":
            return f"output {item['call_id']}: {item['output']}"
        case kind:
            return f"{kind} {item['id']}"
