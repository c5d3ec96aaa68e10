"""The agent's side of one phone call. It outlives the media streams that the call opens in turn."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import Any, Protocol

from gateway.agent_instructions import CallDetails
from gateway.agent_limits import TransferTarget
from gateway.agents import AgentConfig
from gateway.call_recordings import Pausing
from gateway.call_tools import KeyTones
from gateway.ending import MODEL_HANGUP, Ending
from gateway.goodbye import Goodbye
from gateway.guards import Guards
from gateway.last_words import LastWords
from gateway.realtime import RealtimeClient
from gateway.realtime.events import AudioDelta, ResponseCreated, ServerEvent, Unknown
from gateway.screening import Screening
from gateway.tools import Tool
from gateway.transcript import Transcript
from gateway.transfer import Transfer, TransferOrder, Transferring


class MediaSession(Protocol):
    """One media stream, as the agent's side of the call uses it."""

    def end(self, ending: Ending) -> None:
        """Begin to end it."""

    def unheard(self) -> float | None:
        """Seconds of what was sent that have not sounded yet; None once all of it is known to have been heard."""

    def send_keys(self, tones: bytes) -> None:
        """Send key tones, mu-law, behind everything that was sent so far."""

    def is_sending_keys(self) -> bool:
        """Whether some of them have not been heard."""

    def heard_ms(self, item_id: str) -> int:
        """How much was heard of an item that is not whole; still asked when the stream has ended."""

    def event_received(self, event: ServerEvent | Unknown) -> None:
        """Take an event of the model."""

    def model_lost(self, event: dict[str, Any]) -> None:
        """Take the loss of the model's session."""

    def model_restored(self, event: dict[str, Any]) -> None:
        """Take note that another session took over."""

    def model_over(self, event: dict[str, Any]) -> None:
        """Take note that there will be none any more."""


@dataclass(eq=False, repr=False)
class AgentLeg:
    """The client of one call's model, with the tools that act on the call."""

    client: RealtimeClient
    agent: AgentConfig
    call_sid: str
    details: CallDetails
    _: KW_ONLY
    tools: InitVar[Mapping[str, Tool]]
    """Those that act on no call."""
    guards: Guards
    transferring: InitVar[Transferring]
    screening: Screening | None = None
    """Finds out who answered an outbound call."""
    placed_for: str | None = None
    """The agent's name, of a call that we placed."""
    is_connected: bool = field(default=False, init=False)
    """Whether the client was told to open its session, which may not be open yet, or not any more."""
    has_begun: bool = field(default=False, init=False)
    """Whether the agent has had its first word."""
    was_cut: bool = field(default=False, init=False)
    """Whether the agent had more to say when the last media stream ended."""
    has_announced: bool = field(default=False, init=False)
    """Whether the agent has said something since the caller last spoke, or was to be transferred."""
    came_back: str | None = field(default=None, init=False)
    """Why a person could not be reached whom the caller was passed on to."""
    pausing: Pausing = field(default_factory=Pausing, init=False)
    """Of the call's recordings, where it is recorded."""
    key_tones: KeyTones = field(default_factory=KeyTones, init=False)
    last_words: LastWords = field(init=False)
    transcript: Transcript = field(init=False)
    transfer: Transfer = field(init=False)
    _media: MediaSession | None = field(default=None, init=False)
    _heard_ms: Callable[[str], int] = field(default_factory=lambda: _nothing_heard, init=False)
    """How much of an item was heard on the last media stream."""
    _silenced: str | None = field(default=None, init=False)
    """The item of which the model knows that nobody hears more."""
    _wanted_end: Ending | None = field(default=None, init=False)

    def __post_init__(self, tools: Mapping[str, Tool], transferring: Transferring) -> None:
        client = self.client
        self.transcript = Transcript(client.provider.output_format)
        self.last_words = LastWords(self._unheard)
        self.transfer = Transfer(
            self.agent.transfers,
            transferring,
            announced=self._take_announcement,
            are_heard=self._announcement_is_heard,
            order=self._transfer_order,
        )
        own = (
            Goodbye(self.last_words, self._hang_up).tool(),
            self.key_tones.tool(),
            self.transfer.tool(),
            *self.pausing.tools(),
        )
        for name, tool in {**tools, **{tool.name: tool for tool in own}}.items():
            if name in self.agent.tools:
                client.toolbox.add(tool)
        client.on_server_event = self._event_between_streams
        client.on("session.lost", self._model_lost)
        client.on("session.restored", self._model_restored)
        client.on("close", self._model_over)

    def join(self, media: MediaSession) -> None:
        """Join it to a media stream, and tell the model if the caller could not be passed on."""
        self._media = media
        self._heard_ms = media.heard_ms
        self.client.on_server_event = media.event_received
        self.client.is_audible = lambda: media.unheard() is not None
        self.key_tones.bind(self.client.is_audible, media.send_keys, media.is_sending_keys)
        if self.came_back is not None:
            # The tool's output leads to an answer; then nothing else that was cut is gone on with.
            self.was_cut = not self.transfer.failed(self.came_back) and self.was_cut
            self.came_back = None
        if self._wanted_end is not None:
            media.end(self._wanted_end)

    def leave(self) -> None:
        """Take the end of the media stream."""
        self._media = None
        self.client.on_server_event = self._event_between_streams
        self.client.is_audible = bool
        self.last_words.interrupted()
        self.key_tones.unbind()

    def playback_moved(self) -> None:
        """Take note that something has been heard, or thrown away."""
        self.key_tones.playback_moved()
        if self._unheard() is None:
            self.last_words.heard()

    def interrupted(self) -> None:
        """Take note that the caller spoke over what was being said."""
        self.last_words.interrupted()
        self.key_tones.playback_moved()

    def _event_between_streams(self, event: ServerEvent | Unknown) -> None:
        """Have the model say nothing while nobody can hear it, and know that nobody has."""
        match event:
            case ResponseCreated(response=response) if (
                response.conversation_id is not None and self.has_begun
            ):
                self.was_cut = True
                self.client.cancel_response_nowait(response.id)
            case AudioDelta(item_id=item_id) if item_id != self._silenced:
                self._silence(item_id)
            case _:
                pass

    def _silence(self, item_id: str) -> None:
        """Tell the model how much of an item was heard, unless it knows: no more of it will be."""
        self._silenced = item_id
        item = self.client.conversation.get_item(item_id)
        if item is None or item.heard_ms is None:
            heard_ms = self._heard_ms(item_id)
            self.client.truncate_item_nowait(item_id, heard_ms)
            self.transcript.cut(item_id, heard_ms)

    def _model_lost(self, event: dict[str, Any]) -> None:
        if self._media is not None:
            self._media.model_lost(event)

    def _model_restored(self, event: dict[str, Any]) -> None:
        if self._media is not None:
            self._media.model_restored(event)

    def _model_over(self, event: dict[str, Any]) -> None:
        if self._media is not None:
            self._media.model_over(event)

    def _hang_up(self) -> None:
        self._wanted_end = MODEL_HANGUP
        if self._media is not None:
            self._media.end(MODEL_HANGUP)

    def _unheard(self) -> float | None:
        return None if self._media is None else self._media.unheard()

    def _take_announcement(self) -> bool:
        """Whether there is one that no transfer has followed yet."""
        has_announced, self.has_announced = self.has_announced, False
        return has_announced

    async def _announcement_is_heard(self) -> bool:
        return self._media is not None and await self.last_words.are_heard()

    def _transfer_order(self, target: TransferTarget, summary: str) -> TransferOrder:
        details = self.details
        return TransferOrder(
            self.call_sid, target, details.to_number, details.from_number, summary, self.placed_for
        )


def _nothing_heard(_: str) -> int:
    return 0
