"""The items of a conversation, as applications read them."""

from dataclasses import dataclass, field
from typing import Any

from gateway.realtime.event_parts import ItemState
from voice_codecs import AudioFormat

MAX_ITEM_TEXT = 256 * 1024
"""Characters kept of one item's text, transcript, arguments or output, each."""
MAX_PARTS = 32
"""Parts of one item; what belongs to later ones goes to the last."""
FINAL = frozenset({"completed", "incomplete"})
MAX_MS = 10**9


@dataclass
class Part:
    """One part of a message's content."""

    type: str = ""
    """GA's name: ``input_text``, ``input_audio``, ``input_image``, ``output_text`` or ``output_audio``."""
    text: str = ""
    transcript: str = ""


@dataclass
class FormattedTool:
    """A function call."""

    name: str = ""
    call_id: str = ""
    arguments: str = ""
    """JSON, whole once the item is completed."""
    type: str = "function"


@dataclass
class Formatted:
    """An item in the form applications want it."""

    transcript: str = ""
    """Of all parts together; so is ``text``."""
    text: str = ""
    tool: FormattedTool | None = None
    """Of a function call only."""
    output: str = ""
    n_audio_bytes: int = 0
    """Audio received, or spoken by the caller, up to where the item was cut; counted whether kept or not."""
    audio_ms: int = 0
    audio: bytearray = field(default_factory=bytearray, repr=False)
    """In the session's format; kept only if the conversation was told to, and while there is room."""
    file: Any = None
    """For the application."""

    def count_audio(self, n_bytes: int, audio_format: AudioFormat) -> None:
        """Note how much audio there is."""
        self.n_audio_bytes, self.audio_ms = n_bytes, audio_format.bytes_to_ms(n_bytes)


@dataclass
class Item:
    """One entry of the conversation: a message, a function call or its output."""

    id: str
    type: str = "message"
    role: str | None = None
    status: str = "in_progress"
    """``in_progress``, then ``completed`` or ``incomplete``."""
    name: str | None = None
    call_id: str | None = None
    content: list[Part] = field(default_factory=list)
    formatted: Formatted = field(default_factory=Formatted)
    audio_start_ms: int | None = None
    """Where the caller's speech began in the input audio of the session that is ``generation``."""
    audio_end_ms: int | None = None
    heard_ms: int | None = None
    """Where the server cut the item; None if it did not."""
    said_ms: int | None = None
    """Audio that had been received when it was cut."""
    transcribed: bool = False
    """Whether the caller's words were recognised; an empty transcript then means that there were none."""
    transcription_error: str | None = None
    """Why they were not."""
    generation: int = 0
    """The session in which the server made or took the item."""
    taken_over: bool = False
    """Whether the server of this session knows it from us only."""
    response_id: str | None = None
    out_of_band: bool = False
    """Made by a response outside the conversation."""
    appended: bool = False
    """Whether the application has been told of it."""
    ended: bool = False
    """Whether the application has been told that nothing more will come."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come for this item."""
        return self.status in FINAL

    def part(self, index: int, part_type: str = "") -> Part:
        """The part at that index, made if there is none."""
        index = min(max(0, index), MAX_PARTS - 1)
        while len(self.content) <= index:
            self.content.append(Part())
        part = self.content[index]
        part.type = part.type or part_type
        return part

    def retype(self, part: Part, part_type: str) -> None:
        """Note a part's type as the server names it, in GA's words."""
        if part_type in {"text", "audio"}:
            part_type = f"{'output' if self.role == 'assistant' else 'input'}_{part_type}"
        part.type = part_type or part.type

    def add_text(self, part: Part, more: str) -> None:
        """Append to a part's text, up to the item's limit."""
        part.text += more[: MAX_ITEM_TEXT - len(self.formatted.text)]
        self.join()

    def add_transcript(self, part: Part, more: str) -> None:
        """Append to a part's transcript, up to the item's limit."""
        part.transcript += more[: MAX_ITEM_TEXT - len(self.formatted.transcript)]
        self.join()

    def set_text(self, part: Part, text: str) -> None:
        """Replace a part's text, up to the item's limit."""
        part.text = text[: MAX_ITEM_TEXT - len(self.formatted.text) + len(part.text)]
        self.join()

    def set_transcript(self, part: Part, transcript: str) -> None:
        """Replace a part's transcript, up to the item's limit."""
        part.transcript = transcript[: MAX_ITEM_TEXT - len(self.formatted.transcript) + len(part.transcript)]
        self.join()

    def settle(self, part: Part, text: str | None, transcript: str | None) -> None:
        """Take a part's texts as the server has them now.

        An empty one never replaces what deltas gave, and neither does any in an item that was cut: the server
        drops the words that were not heard, and we tell the application what was said.
        """
        cut = self.heard_ms is not None
        if text and not (cut and self.formatted.text):
            self.set_text(part, text)
        if transcript and not (cut and self.formatted.transcript):
            self.set_transcript(part, transcript)

    def add_arguments(self, call: FormattedTool, more: str) -> None:
        """Append to a function call's arguments, up to the limit."""
        call.arguments += more[: MAX_ITEM_TEXT - len(call.arguments)]

    def call(
        self, name: str | None = None, call_id: str | None = None, arguments: str | None = None
    ) -> FormattedTool:
        """The function call that this item is, brought up to date with what is given."""
        tool = self.formatted.tool = self.formatted.tool or FormattedTool()
        tool.name, tool.call_id = name or tool.name, call_id or tool.call_id
        self.name, self.call_id = tool.name or None, tool.call_id or None
        tool.arguments = (arguments or tool.arguments)[:MAX_ITEM_TEXT]
        return tool

    def describe(self, state: ItemState, *, final: bool) -> None:
        """Take the item as the server describes it; a final description replaces what deltas gave."""
        self.type = state.type
        self.role = state.role or (self.role if state.type == "message" else None)
        self.name, self.call_id = state.name or self.name, state.call_id or self.call_id
        self._take_status(state.status, final=final)
        if state.type == "function_call":
            self.call(state.name, state.call_id, state.arguments)
        self.formatted.output = (state.output or self.formatted.output)[:MAX_ITEM_TEXT]
        content = (state.content or [])[:MAX_PARTS]
        for index, given in enumerate(content):
            part = self.part(index)
            self.retype(part, given.type)
            self.settle(part, given.text, given.transcript)
        if final and content and self.heard_ms is None:
            del self.content[len(content) :]
            self.join()

    def _take_status(self, status: str | None, *, final: bool) -> None:
        """What the caller or an application said is complete at once, and what is final stays so."""
        if final:
            self.status = status if status in FINAL else "completed"
        elif self.status not in FINAL:
            given = self.role in {"user", "system"} or self.type == "function_call_output"
            self.status = "completed" if given and status != "incomplete" else status or self.status

    def join(self) -> None:
        """Bring the formatted texts up to date with the parts."""
        self.formatted.text = "".join([part.text for part in self.content])
        self.formatted.transcript = "".join([part.transcript for part in self.content])


@dataclass(frozen=True)
class Delta:
    """What an event added to an item: exactly one of these."""

    audio: bytes | None = field(default=None, repr=False)
    transcript: str | None = None
    text: str | None = None
    arguments: str | None = None


Change = tuple[Item | None, Delta | None]
"""The item that an event was about, and what the event added to it."""
NOTHING: Change = (None, None)


def whole_ms(value: float) -> int:
    """Milliseconds that a server sent, within reason; not-a-number is 0."""
    return int(min(max(0, value), MAX_MS))
