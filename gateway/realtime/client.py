"""What an application, or a call, talks to: one conversation with a realtime model."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from gateway.errors import GatewayError, LocalProtocolError, RealtimeError
from gateway.realtime.agreed_config import AgreedConfig
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.audio_input import Audio, content_part
from gateway.realtime.conversation import Item, RealtimeConversation
from gateway.realtime.dispatch import Handler, RealtimeEventHandler
from gateway.realtime.events import ServerEvent, Unknown
from gateway.realtime.input_stream import InputStream
from gateway.realtime.live_session import LiveSession, Surroundings
from gateway.realtime.observation import observe
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig
from gateway.tools import Tool, Toolbox


class RealtimeClient(RealtimeEventHandler):
    """A conversation with a realtime model: audio and text in, audio and text out, tools in between.

    A session that is lost, or near the end of its time, is replaced by another that is told what was said.

    Dispatches ``realtime.event`` ({"time", "source", "event"}), ``conversation.updated`` ({"item", "delta"}),
    ``conversation.item.appended``, ``conversation.item.completed`` and ``conversation.item.incomplete`` ({"item"}),
    ``conversation.interrupted``, ``response.completed`` ({"response"}), ``error`` (ErrorDetail), ``session.lost``
    ({"code"}), ``session.restored`` ({"gap_ms", "n_items"}) and, when there will be no session any more, ``close``
    ({"code", "error"}).
    """

    def __init__(
        self,
        provider: Provider,
        config: SessionConfig | None = None,
        *,
        keep_audio: bool = False,
        earlier: Sequence[dict[str, Any]] = (),
        random: Random | None = None,
    ) -> None:
        super().__init__()
        self.provider = provider
        self.realtime = RealtimeAPI(provider)
        self.conversation = RealtimeConversation(
            keep_audio=keep_audio, input_format=provider.input_format, output_format=provider.output_format
        )
        self.toolbox = Toolbox()
        self.on_server_event: Callable[[ServerEvent | Unknown], None] = lambda _: None
        """Called with each server event, typed, after the conversation has seen it; must not raise."""
        self.is_audible: Callable[[], bool] = bool
        """Says whether the user is hearing something, so that a planned change of session waits."""
        self._config = AgreedConfig(config or SessionConfig())
        self._earlier = list(earlier)
        """What was said before, in sessions of another client: its `history`."""
        self._random = random
        self._observes = False
        self._input = InputStream(self.realtime, provider.input_format, self._audio_sent)
        self._live: LiveSession | None = None
        self._ending: asyncio.Task[None] | None = None

    def on(self, name: str, handler: Handler) -> Handler:
        """Call ``handler`` on every event of that name; return it."""
        self._observe(name)
        return super().on(name, handler)

    def on_next(self, name: str, handler: Handler) -> Handler:
        """Call ``handler`` on the next event of that name only; return it."""
        self._observe(name)
        return super().on_next(name, handler)

    def _observe(self, name: str) -> None:
        """Have every event shown to us, once somebody wants to see them."""
        if name == "realtime.event" and not self._observes:
            self._observes = True
            observe(self.realtime, lambda event: self.dispatch(name, event))

    # The session

    @property
    def config(self) -> SessionConfig:
        """The settings as they are wanted now; `update_session` changes them."""
        return self._config.wanted

    def is_connected(self) -> bool:
        """Whether a session is open."""
        return self.is_ready

    @property
    def is_ready(self) -> bool:
        """Whether the server has confirmed our session, so that audio goes straight to it."""
        return self._live is not None and self._live.is_ready

    @property
    def is_answering(self) -> bool:
        """Whether the model generates, was asked to, or runs a tool."""
        return self._live is not None and self._live.is_answering

    @property
    def session_id(self) -> str | None:
        """The server's name for the present session."""
        return None if self._live is None else self._live.session_id

    @property
    def n_sessions(self) -> int:
        """Sessions opened since `connect`."""
        return self._live.n_sessions if self._live is not None else 0

    @property
    def n_dropped_ms(self) -> int:
        """Caller audio given up because no server was there to take it."""
        return self._input.n_dropped_ms

    async def connect(self, model: str | None = None) -> None:
        """Open a session: socket, ``session.created``, our complete ``session.update``, ``session.updated``.

        What another try may cure is tried again, within 8 s.

        Raises:
            LocalProtocolError: it is open already, or the provider cannot do what the configuration asks for.
            RealtimeError: it cannot be opened, or the server refuses our session or confirms another audio format, or
                `disconnect` came first.
        """
        if self._live is not None:
            raise LocalProtocolError("already connected, disconnect first")
        self._live = live = LiveSession(
            Surroundings(
                api=self.realtime,
                conversation=self.conversation,
                toolbox=self.toolbox,
                input=self._input,
                config=lambda: self.config,
                earlier=self._earlier,
                publish=self.dispatch,
                on_event=lambda event: self.on_server_event(event),  # noqa: PLW0108 - as it is then
                is_audible=lambda: self.is_audible(),  # noqa: PLW0108
                random=self._random,
            )
        )
        self._config.agree()
        try:
            if self._ending is not None:
                await asyncio.shield(self._ending)
            await live.open(model)
        except BaseException:
            if self._live is live:
                await self.disconnect()
            raise

    async def wait_for_session_created(self) -> None:
        """Wait until the session is open.

        Raises:
            RealtimeError: it is not, and nobody is opening it.
        """
        await self._current.until_ready()

    async def disconnect(self) -> None:
        """Close the session, cancel tools and handlers, forget the conversation; nothing if it is closed already.

        A tool or a handler may call this too: the tool is cancelled with the others, the handler goes on.
        """
        live, self._live = self._live, None
        if live is not None:
            ending = self._end(live, self._ending, asyncio.current_task())
            self._ending = asyncio.create_task(ending, name="disconnect")
        if self._ending is not None:
            await asyncio.shield(self._ending)

    async def _end(
        self, live: LiveSession, former: asyncio.Task[None] | None, caller: asyncio.Task[Any] | None
    ) -> None:
        if former is not None:
            await former
        was_open = live.n_sessions > 0 and not live.is_over
        await live.close()
        await self.stop_handlers(but=caller)
        self._input.clear()
        self.conversation.clear()
        if self._ending is asyncio.current_task():
            self._ending = None
        if was_open:
            self.dispatch("close", {"code": "disconnected", "error": False})

    async def reset(self) -> None:
        """Disconnect, and forget handlers, tools and changes of the configuration."""
        await self.disconnect()
        self.clear_event_handlers()
        self.realtime.clear_event_handlers()
        self._observes = False
        self.toolbox.clear()
        self._config.reset()

    async def update_session(self, **changes: Any) -> None:
        """Change fields of the configuration; return when the server has taken them over.

        Before `connect`, the changes are kept for it. Changes made at the same time become one update.

        Raises:
            LocalProtocolError: there is no such field, or it cannot have that value, or the voice was heard already.
            RealtimeError: the server refuses the change; then it is undone here too.
        """
        is_locked = self._live is not None and self._live.voice_is_locked
        if is_locked and changes.get("voice", self.config.voice) != self.config.voice:
            raise LocalProtocolError("the voice cannot change any more once it was heard")
        ours = self._config.change(changes)
        try:
            await self._push()
        except GatewayError:
            self._config.undo(changes, ours)
            if self._live is not None:
                self._live.configuration_changed()
            raise
        self._config.agreed(changes)

    async def _push(self) -> None:
        """Check the configuration and the tools against the provider, and have the server take them over."""
        self.provider.session(self.config, tools=self.toolbox.definitions())
        if self._live is not None:
            await self._live.push()

    def get_turn_detection_type(self) -> str | None:
        """``server_vad`` or ``semantic_vad``; None when turns are ended by `create_response`."""
        detection = self.config.turn_detection
        return None if detection is None else str(detection.__struct_config__.tag)

    # Tools

    async def add_tool(
        self, tool: Tool | Callable[..., Any] | Mapping[str, Any], handler: Any = None
    ) -> Tool:
        """Let the model call a function; return the tool.

        Args:
            tool: A Tool; or a function, whose signature and docstring describe it; or a definition with ``name``,
                ``description`` and ``parameters`` (JSON schema), whose ``handler`` takes one dict of arguments.
            handler: With a definition, the function or coroutine function to call.

        Raises:
            ToolError: it cannot be described, or one of that name exists.
            LocalProtocolError: the configuration declares one of that name.
            RealtimeError: the server refuses it.
        """
        tool = Tool.of(tool, handler)
        self.toolbox.add(tool)
        try:
            await self._push()
        except GatewayError:
            if tool.name in self.toolbox:
                self.toolbox.remove(tool.name)
            raise
        return tool

    async def remove_tool(self, name: str) -> None:
        """Have the model do without a tool.

        Raises:
            ToolError: there is none of that name.
            RealtimeError: the server refuses to.
        """
        self.toolbox.remove(name)
        await self._push()

    # What is said

    async def append_input_audio(self, audio: Audio) -> None:
        """Give the model audio of the user: bytes of the session's input format, or samples at its rate.

        While the server is slow to take what was sent, this waits, so that a file can be sent as fast as it goes. That
        is PCM16 24 kHz, little-endian, unless the provider says otherwise.

        Raises:
            ValueError, TypeError: it is not audio.
            RealtimeError: there was a session, and there is none any more.
        """
        await self._input.flowing()
        self.append_input_audio_nowait(audio)
        await self._input.flowing()

    def append_input_audio_nowait(self, audio: Audio) -> None:
        """Do as `append_input_audio`, without waiting for a server that is slow to take it.

        While no session takes it, the latest 2 s are held.
        """
        if self._live is not None and self._live.is_over:
            raise RealtimeError("not connected", code="not_connected")
        self._input.append(audio)

    async def send_user_message_content(self, content: Sequence[Mapping[str, Any]]) -> None:
        """Add a message of the user and have the model answer it.

        Args:
            content: Parts such as ``{"type": "text", "text": ...}`` or ``{"type": "input_audio", "audio": ...}`` with
                audio as for `append_input_audio`, or as base64.

        Raises:
            RealtimeError: there is no session.
        """
        parts = [content_part(part, self.provider.input_format) for part in content]
        live = self._current
        await live.until_ready()
        if parts:
            live.create_item({"type": "message", "role": "user", "content": parts})
        await live.respond({})

    async def create_response(self, **params: Any) -> None:
        """Have the model answer: at once, or when the response in progress is over, and running tools are answered.

        Where the server answers the user's turns by itself, also when the turn in progress is over. Equal wishes that
        wait become one. Without turn detection this also ends the user's turn.

        Args:
            params: Of ``response.create``, for this response only.

        Raises:
            LocalProtocolError: there is no such parameter, or the provider cannot do what it asks for.
            RealtimeError: there is no session.
        """
        live = self._current
        await live.until_ready()
        await live.respond(params)

    async def cancel_response(self, item_id: str | None = None, sample_count: int = 0) -> dict[str, Any]:
        """Have the model stop generating; losing the race against its end is harmless.

        Args:
            item_id: The message being heard, to be cut as well; None only cancels.
            sample_count: Samples heard of it, at the output format's rate.

        Returns:
            ``{"item": ...}``, the message or None.

        Raises:
            LookupError: there is no such item, or it is no spoken message of the assistant; nothing was sent.
            RealtimeError: there is no session.
        """
        item = None if item_id is None else self.conversation.get_spoken_message(item_id)
        await self._current.until_ready()
        self.cancel_response_nowait()
        if item is not None:
            heard_ms = self.provider.output_format.samples_to_ms(max(0, sample_count))
            self.truncate_item_nowait(item.id, min(heard_ms, item.formatted.audio_ms))
        return {"item": item}

    def cancel_response_nowait(self, response_id: str | None = None) -> None:
        """Have the model stop generating one response, or the conversation's; without a session none goes on."""
        data = {"response_id": response_id} if response_id else None
        with contextlib.suppress(RealtimeError):
            self.realtime.send_nowait("response.cancel", data)

    def truncate_item_nowait(self, item_id: str, audio_end_ms: int) -> None:
        """Tell the model, or the next session, that the caller heard this much of an item and no more."""
        if self._live is not None:
            self._live.truncate(item_id, audio_end_ms)

    def history(self) -> list[dict[str, Any]]:
        """The conversation as another client can be given it: items of the GA protocol, as far as they were heard."""
        return [] if self._live is None else self._live.history()

    def restore_item_nowait(self, item_id: str, from_ms: int, to_ms: int) -> None:
        """Tell the model, or the next session, that of an item that was cut the caller has heard more after all."""
        if self._live is not None:
            self._live.restore(item_id, from_ms, to_ms)

    def delete_item_nowait(self, item_id: str) -> None:
        """Remove an item from the conversation; without a session, the next is not told of it."""
        with contextlib.suppress(RealtimeError):
            self._current.delete(item_id)

    async def delete_item(self, item_id: str) -> None:
        """Remove an item from the conversation.

        Raises:
            RealtimeError: there is no session.
        """
        live = self._current
        await live.until_ready()
        live.delete(item_id)

    async def wait_for_next_item(self, timeout: float | None = None) -> dict[str, Item]:  # noqa: ASYNC109
        """Return the next item that is appended, as ``{"item": ...}``; raises as `wait_for_next`."""
        return dict(await self.wait_for_next("conversation.item.appended", timeout))

    async def wait_for_next_completed_item(self, timeout: float | None = None) -> dict[str, Item]:  # noqa: ASYNC109
        """Return the next item that is completed, as ``{"item": ...}``; raises as `wait_for_next`."""
        return dict(await self.wait_for_next("conversation.item.completed", timeout))

    @property
    def _current(self) -> LiveSession:
        if self._live is None:
            raise RealtimeError("not connected", code="not_connected")
        return self._live

    def _audio_sent(self, chunk: bytes) -> None:
        self.conversation.append_input_audio(chunk)
        if self.config.turn_detection is None and self._live is not None:
            self._live.audio_sent(chunk)
