"""What an application, or a call, talks to: one conversation with a realtime model."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import structlog

from gateway.errors import GatewayError, LocalProtocolError, RealtimeError
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.audio_input import Audio, audio_bytes
from gateway.realtime.conversation import Item, RealtimeConversation
from gateway.realtime.dialogue import Dialogue
from gateway.realtime.dispatch import Handler, RealtimeEventHandler
from gateway.realtime.events import AudioDelta, ErrorEvent, ServerEvent, SessionUpdated, Unknown
from gateway.realtime.input_stream import InputStream
from gateway.realtime.leg import LegOwner, ModelLeg
from gateway.realtime.opening import SessionOpening
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig, changed
from gateway.realtime.session_updates import SessionUpdates
from gateway.tools import Tool, Toolbox

MIN_COMMIT_MS = 100
"""Servers refuse to commit less."""
MAX_KEPT_MS = 60_000
"""Of one turn, where audio is kept and turns are ended by hand."""
STALL_TIMEOUT = 2.0
"""Seconds for which a server may refuse to take caller audio before its session is given up."""
BENIGN_ERRORS = frozenset(
    {
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
    }
)
"""Errors that only say that a race was lost."""

_log = structlog.get_logger()


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
        random: Random | None = None,
    ) -> None:
        super().__init__()
        self.provider = provider
        self.realtime = RealtimeAPI(provider)
        self.conversation = RealtimeConversation(
            keep_audio=keep_audio, input_format=provider.input_format, output_format=provider.output_format
        )
        self.toolbox = Toolbox()
        self.session_id: str | None = None
        self.on_server_event: Callable[[ServerEvent | Unknown], None] | None = None
        """Called with each server event, typed, after the conversation has seen it; must not raise."""
        self.is_audible: Callable[[], bool] = bool
        """Says whether the user is hearing something, so that a planned change of session waits."""
        self.n_sessions = 0
        """Sessions opened so far."""
        self._first_config = self.config = config or SessionConfig()
        self._random = random
        self._keep_audio = keep_audio
        self._input = InputStream(self.realtime, provider.input_format, self._audio_sent)
        self._updates = SessionUpdates(self.realtime, self._payload)
        self._start()

    def _start(self) -> None:
        """Be as new, but for handlers, tools and configuration."""
        self._leg: ModelLeg | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._dialogue = Dialogue(
            self.realtime,
            self.conversation,
            self.toolbox,
            server_answers=self._server_answers,
            publish=self.dispatch,
            until_ready=self._until_ready,
            is_for_application=self._is_for_application,
        )
        self._n_uncommitted = 0
        self._uncommitted = bytearray()
        self._voice_locked = False
        self._lost_at: float | None = None

    def on(self, name: str, handler: Handler) -> Handler:
        """Call ``handler`` on every event of that name; return it."""
        if name == "realtime.event" and not self.has_handlers(name):
            self.realtime.on("server.*", lambda event: self.dispatch(name, _observed("server", event)))
            self.realtime.on("client.*", lambda event: self.dispatch(name, _observed("client", event)))
        return super().on(name, handler)

    # The session

    def is_connected(self) -> bool:
        """Whether a session is open."""
        return self.is_ready

    @property
    def is_ready(self) -> bool:
        """Whether the server has confirmed our session, so that audio goes straight to it."""
        return self._leg is not None and self._leg.is_ready

    @property
    def n_dropped_ms(self) -> int:
        """Caller audio given up because no server was there to take it."""
        return self._input.n_dropped_ms

    async def connect(self, model: str | None = None) -> None:
        """Open a session: socket, ``session.created``, our complete ``session.update``, ``session.updated``.

        What another try may cure is tried again, within 8 s.

        Raises:
            LocalProtocolError: it is open already.
            RealtimeError: it cannot be opened, or the server refuses our session or confirms another audio format.
        """
        if self._leg is not None:
            raise LocalProtocolError("already connected, disconnect first")
        owner = LegOwner(
            payload=functools.partial(self._payload, is_new=True),
            history=self._dialogue.history,
            is_quiet=self._is_quiet,
            lost=self._lost,
            ready=self._session_ready,
            tick=self._tick,
        )
        self.n_sessions = 0
        self._leg = leg = ModelLeg(self.realtime, owner, random=self._random)
        try:
            await leg.open(model)
        except BaseException:
            await self.disconnect()
            raise
        self._keeper = asyncio.create_task(self._keep(leg), name="model-leg")

    async def wait_for_session_created(self) -> None:
        """Wait until the session is open.

        Raises:
            RealtimeError: it is not, and nobody is opening it.
        """
        await self._until_ready()

    async def disconnect(self) -> None:
        """Close the session, forget the conversation; does nothing when it is closed already."""
        leg, keeper = self._leg, self._keeper
        was_open = keeper is not None and leg is not None and not leg.is_over
        if leg is not None:
            leg.end()
        if keeper is not None:
            keeper.cancel()
        await self.realtime.disconnect()
        if keeper is not None and keeper is not asyncio.current_task():
            await asyncio.wait([keeper])
        await self.stop_handlers()
        self._input.close()
        self._input.clear()
        self._updates.end()
        self.conversation.clear()
        self._start()
        if was_open:
            self.dispatch("close", {"code": "disconnected", "error": False})

    async def reset(self) -> None:
        """Disconnect, and forget handlers, tools and changes of the configuration."""
        await self.disconnect()
        self.clear_event_handlers()
        self.realtime.clear_event_handlers()
        self.toolbox.clear()
        self.config = self._first_config
        self._start()

    async def update_session(self, **changes: Any) -> None:
        """Change fields of the configuration; return when the server has taken them over.

        Before `connect`, the changes are kept for it. Changes made at the same time become one update.

        Raises:
            LocalProtocolError: there is no such field, or it cannot have that value, or the voice was heard already.
            RealtimeError: the server refuses the change; then it is undone here too.
        """
        if self._voice_locked and changes.get("voice", self.config.voice) != self.config.voice:
            raise LocalProtocolError("the voice cannot change any more once it was heard")
        former, self.config = self.config, changed(self.config, **changes)
        try:
            self._payload()  # whether the provider has it all
            await self._push()
        except GatewayError:
            self.config = changed(self.config, **{name: getattr(former, name) for name in changes})
            self._dialogue.gate.server_answers = self._server_answers
            raise

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
            RealtimeError: the server refuses it.
        """
        if isinstance(tool, Mapping):
            tool = Tool.from_definition(tool, handler)
        elif not isinstance(tool, Tool):
            tool = Tool.from_function(tool)
        self.toolbox.add(tool)
        try:
            await self._push()
        except RealtimeError:
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

        That is PCM16 24 kHz, little-endian, unless the provider says otherwise.

        Raises:
            ValueError, TypeError: it is not audio.
            RealtimeError: there was a session, and there is none any more.
        """
        self.append_input_audio_nowait(audio)

    def append_input_audio_nowait(self, audio: Audio) -> None:
        """Do as `append_input_audio`. While no session takes it, the latest 2 s are held."""
        input_format = self.provider.input_format
        if type(audio) is not bytes or len(audio) % input_format.bytes_per_sample:
            audio = audio_bytes(audio, input_format)
        if self._leg is not None and self._leg.is_over:
            raise RealtimeError("not connected", code="not_connected")
        if audio:
            self._input.append(audio)

    async def send_user_message_content(self, content: Sequence[Mapping[str, Any]]) -> None:
        """Add a message of the user and have the model answer it.

        Args:
            content: Parts such as ``{"type": "text", "text": ...}`` or ``{"type": "input_audio", "audio": ...}`` with
                audio as for `append_input_audio`, or as base64.

        Raises:
            RealtimeError: there is no session.
        """
        parts = [self._content_part(part) for part in content]
        await self._until_ready()
        if parts:
            self._dialogue.create_item({"type": "message", "role": "user", "content": parts})
        self._respond({})

    async def create_response(self, **params: Any) -> None:
        """Have the model answer: at once, or when the response in progress, or the user's turn, is over.

        Without turn detection this also ends the user's turn.

        Args:
            params: Of ``response.create``, for this response only.

        Raises:
            RealtimeError: there is no session.
        """
        await self._until_ready()
        self._respond(params)

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
        item = None if item_id is None else self._spoken_message(item_id)
        await self._until_ready()
        self.cancel_response_nowait()
        if item is not None:
            heard_ms = self.provider.output_format.samples_to_ms(max(0, sample_count))
            self.truncate_item_nowait(item.id, min(heard_ms, item.formatted.audio_ms))
        return {"item": item}

    def cancel_response_nowait(self, response_id: str | None = None) -> None:
        """Have the model stop generating one response, or the conversation's; without a session none goes on."""
        with contextlib.suppress(RealtimeError):
            self.realtime.send_nowait(
                "response.cancel", {"response_id": response_id} if response_id else None
            )

    def truncate_item_nowait(self, item_id: str, audio_end_ms: int) -> None:
        """Tell the model, or the next session, that the caller heard this much of an item and no more."""
        self._dialogue.truncate(item_id, audio_end_ms)

    async def delete_item(self, item_id: str) -> None:
        """Remove an item from the conversation.

        Raises:
            RealtimeError: there is no session.
        """
        await self._until_ready()
        self._dialogue.delete(item_id)

    async def wait_for_next_item(self, timeout: float | None = None) -> dict[str, Item]:  # noqa: ASYNC109
        """Return the next item that is appended, as ``{"item": ...}``; raises as `wait_for_next`."""
        event: dict[str, Item] = await self.wait_for_next("conversation.item.appended", timeout)
        return event

    async def wait_for_next_completed_item(self, timeout: float | None = None) -> dict[str, Item]:  # noqa: ASYNC109
        """Return the next item that is completed, as ``{"item": ...}``; raises as `wait_for_next`."""
        event: dict[str, Item] = await self.wait_for_next("conversation.item.completed", timeout)
        return event

    # The leg's side

    async def _keep(self, leg: ModelLeg) -> None:
        """Own the session, and the tools that run, until disconnected or nothing more can be done."""
        code = "bug"
        try:
            async with asyncio.TaskGroup() as tasks:
                self._dialogue.tasks = tasks
                await leg.keep()
        except* RealtimeError as group:
            code = next(exc.code for exc in group.exceptions if isinstance(exc, RealtimeError))
            _log.error("no model session any more", code=code[:80])
        except* Exception:
            _log.exception("the model leg failed")
        leg.end()
        self._input.close()
        self._updates.end()
        self.dispatch("close", {"code": code, "error": True})

    def _lost(self, code: str) -> None:
        self._lost_at = time.monotonic()
        self._input.close()
        self._dialogue.session_lost()
        _log.warning("model session lost", code=code[:80])
        self.dispatch("session.lost", {"code": code})

    def _session_ready(self, opening: SessionOpening) -> None:
        socket = opening.socket
        socket.on_event, socket.on_writing_paused = self._server_event, self._input.writing_paused
        self.session_id = opening.session_id
        self.n_sessions += 1
        self._voice_locked = False
        self._n_uncommitted = 0
        self._uncommitted.clear()
        self._updates.session_ready()
        self._dialogue.session_ready(opening)
        for event in opening.later:
            self._server_event(event)
        self._dialogue.resume()
        self._input.open()
        if self.n_sessions > 1:
            gap_ms = 0 if self._lost_at is None else round((time.monotonic() - self._lost_at) * 1000)
            self.dispatch("session.restored", {"gap_ms": gap_ms, "n_items": len(opening.restored)})
        self._lost_at = None

    def _tick(self, now: float) -> None:
        if self._input.congested_for(now) > STALL_TIMEOUT or self._dialogue.is_stuck(now):
            self._current_leg.lose("stalled")
        else:
            self._dialogue.tick(now)

    def _server_event(self, event: ServerEvent | Unknown) -> None:
        if type(event) is AudioDelta:
            self._voice_locked = True
        elif isinstance(event, SessionUpdated):
            self._updates.confirmed()
        elif isinstance(event, ErrorEvent):
            self._error(event)
        self._dialogue.take(event)
        if self.on_server_event is not None:
            self.on_server_event(event)

    def _error(self, event: ErrorEvent) -> None:
        error = event.error
        code = error.code or error.type or "error"
        if code not in BENIGN_ERRORS:
            _log.warning("model error", code=code[:80])
        self._dialogue.refused(error.event_id, code)
        self._updates.refused(error.event_id, code)
        self.dispatch("error", error)
        if code == "session_expired":
            self._current_leg.lose(code)
        else:
            self._current_leg.note_error(code)

    # Small parts

    @property
    def _current_leg(self) -> ModelLeg:
        assert self._leg is not None  # noqa: S101 - events come of a leg
        return self._leg

    @property
    def _server_answers(self) -> bool:
        """Whether the server answers the user's turns by itself."""
        return self.config.turn_detection is not None and self.config.turn_detection.create_response

    def _payload(self, *, is_new: bool = False) -> dict[str, Any]:
        """The session as we want it; a voice that was heard must not be named again in the same session."""
        with_voice = is_new or not self._voice_locked
        return self.provider.session(self.config, tools=self.toolbox.definitions(), with_voice=with_voice)

    async def _push(self) -> None:
        self._dialogue.gate.server_answers = self._server_answers
        if self._leg is not None and not self._leg.is_over:
            await self._updates.push()

    async def _until_ready(self) -> None:
        if self._leg is None:
            raise RealtimeError("not connected", code="not_connected")
        await self._leg.until_ready()

    def _is_quiet(self) -> bool:
        return self._dialogue.is_quiet() and not self.is_audible()

    def _is_for_application(self, tool_name: str) -> bool:
        """Whether a tool was declared in the configuration, so that the application answers its calls."""
        declared = any(tool.get("name") == tool_name for tool in self.config.tools)
        return declared and tool_name not in self.toolbox

    def _respond(self, params: Mapping[str, Any]) -> None:
        input_format = self.provider.input_format
        if self.config.turn_detection is None and self._n_uncommitted >= input_format.ms_to_bytes(
            MIN_COMMIT_MS
        ):
            self.realtime.send_nowait("input_audio_buffer.commit")
            self.conversation.queue_input_audio(bytes(self._uncommitted))
            self._n_uncommitted = 0
            self._uncommitted.clear()
        self._dialogue.ask(params)

    def _audio_sent(self, chunk: bytes) -> None:
        self.conversation.append_input_audio(chunk)
        if self.config.turn_detection is None:
            self._n_uncommitted += len(chunk)
            if self._keep_audio and self._n_uncommitted <= self.provider.input_format.ms_to_bytes(
                MAX_KEPT_MS
            ):
                self._uncommitted += chunk

    def _content_part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """A part as the protocol has it; the caller's own stays as it is."""
        match part:
            case {"type": "text"}:
                return {**part, "type": "input_text"}
            case {"type": "input_audio", "audio": audio} if not isinstance(audio, str):
                return {**part, "audio": audio_bytes(audio, self.provider.input_format)}
            case _:
                return dict(part)

    def _spoken_message(self, item_id: str) -> Item:
        item = self.conversation.get_item(item_id)
        if item is None:
            raise LookupError(f'Could not find item "{item_id}"')
        if item.type != "message":
            raise LookupError('Can only cancelResponse messages with type "message"')
        if item.role != "assistant":
            raise LookupError('Can only cancelResponse messages with role "assistant"')
        if not item.formatted.audio_ms:
            raise LookupError("Could not find audio on item to cancel")
        return item


def _observed(source: str, event: dict[str, Any]) -> dict[str, Any]:
    return {"time": datetime.now(UTC).isoformat(), "source": source, "event": event}
