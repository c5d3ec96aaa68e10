"""One conversation from connecting to disconnecting: its sessions in turn, the tools that run, what is owed."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import structlog

from gateway.errors import GatewayError, RealtimeError
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.conversation import RealtimeConversation
from gateway.realtime.dialogue import Dialogue
from gateway.realtime.events import AudioDelta, ErrorEvent, ServerEvent, Session, SessionUpdated, Unknown
from gateway.realtime.input_stream import InputStream
from gateway.realtime.leg import LegOwner, ModelLeg
from gateway.realtime.opening import SessionOpening
from gateway.realtime.session import SessionConfig
from gateway.realtime.session_updates import SessionUpdates
from gateway.tools import Toolbox

MIN_COMMIT_MS = 100
"""Servers refuse to commit less."""
MAX_TURN_MS = 60_000
"""Of a turn that is ended by hand, kept until it is committed."""
STALL_TIMEOUT = 2.0
"""Seconds for which a server may refuse to take caller audio before its session is given up."""
CLOSE_TIMEOUT = 2.0
"""Seconds that tools get to end when the conversation does."""
BENIGN_ERRORS = frozenset(
    {
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
    }
)
"""Errors that only say that a race was lost."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class Surroundings:
    """What outlives a live session: the client's parts, and the ways back to it. None of these may raise."""

    api: RealtimeAPI
    conversation: RealtimeConversation
    toolbox: Toolbox
    input: InputStream
    config: Callable[[], SessionConfig]
    earlier: list[dict[str, Any]]
    publish: Callable[[str, Any], None]
    on_event: Callable[[ServerEvent | Unknown], None]
    is_audible: Callable[[], bool]
    random: Random | None


class LiveSession:
    """Keeps the conversation going over as many sessions as it takes. `open` once, `close` at the end."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._api = around.api
        self._updates = SessionUpdates(around.api, self.payload)
        self._dialogue = Dialogue(
            around.api,
            around.conversation,
            around.toolbox,
            server_answers=self._server_answers,
            publish=around.publish,
            until_ready=self.until_ready,
            is_for_application=self._is_for_application,
        )
        owner = LegOwner(
            payload=self._whole_payload,
            history=self._wire_history,
            is_quiet=self._is_quiet,
            lost=self._lost,
            ready=self._session_ready,
            tick=self._tick,
        )
        self._leg = ModelLeg(around.api, owner, random=around.random)
        self._keeper: asyncio.Task[None] | None = None
        self._turn = bytearray()
        self._lost_at: float | None = None
        self.session_id: str | None = None
        self.n_sessions = 0
        """Sessions opened so far."""
        self.voice_is_locked = False
        """Whether the present session has been heard to speak, and so refuses another voice."""

    @property
    def is_ready(self) -> bool:
        """Whether a session is open, configured and restored."""
        return self._leg.is_ready

    @property
    def is_over(self) -> bool:
        """Whether there will be no session any more."""
        return self._leg.is_over

    async def open(self, model: str | None) -> None:
        """Open the first session, and go on to keep one open.

        Raises:
            RealtimeError: it cannot be had, or `close` came first.
        """
        if self.is_over:
            raise RealtimeError("disconnected while connecting", code="not_connected")
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(model, opened), name="model-leg")
        await asyncio.wait([self._keeper, opened], return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            raise RealtimeError("disconnected while connecting", code="not_connected")
        opened.result()

    async def close(self) -> None:
        """Close the session, cancel the tools."""
        self._leg.end()
        self._updates.end()
        self._around.input.close()
        if self._keeper is not None:
            self._keeper.cancel()
        await self._api.disconnect()
        if self._keeper is not None and not (await asyncio.wait([self._keeper], timeout=CLOSE_TIMEOUT))[0]:
            _log.warning("a tool does not end when it is cancelled")

    @property
    def is_answering(self) -> bool:
        """Whether the model generates, was asked to, or runs a tool."""
        return self._dialogue.is_answering

    def history(self) -> list[dict[str, Any]]:
        """The items that a session which has heard nothing yet must know, as GA has them."""
        return self._dialogue.history() or self._around.earlier

    async def until_ready(self) -> None:
        """Wait for a session, if one is being opened.

        Raises:
            RealtimeError: there is none, and there will not be.
        """
        await self._leg.until_ready()

    def payload(self) -> dict[str, Any]:
        """The session as it should be now, for session.update.

        Raises:
            LocalProtocolError: the provider cannot do all of it.
        """
        return self._payload(with_voice=not self.voice_is_locked)

    async def push(self) -> None:
        """Have the server take over a changed configuration.

        Raises:
            RealtimeError: it refuses.
        """
        self.configuration_changed()
        if not self.is_over:
            await self._updates.push()

    def configuration_changed(self) -> None:
        """Take note of the configuration as it is."""
        self._dialogue.gate.server_answers = self._server_answers
        if not self._is_manual:
            self._turn.clear()  # the server will find its end

    def create_item(self, item: Mapping[str, Any]) -> str:
        """Put an item into the conversation; return its id. Raises as `RealtimeAPI.send`."""
        return self._dialogue.create_item(item)

    async def respond(self, params: Mapping[str, Any]) -> None:
        """Ask for a response, once what was said by hand is committed; raises as `RealtimeAPI.send`."""
        wire = self._api.provider.response(params)
        wanted: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(wire))
        input_format = self._api.provider.input_format
        if self._is_manual:
            await self._around.input.flowing()  # a commit must not overtake audio
            await self.until_ready()  # again: the session may have been lost meanwhile
            if len(self._turn) >= input_format.ms_to_bytes(MIN_COMMIT_MS):
                self._api.send_nowait("input_audio_buffer.commit")
                self._around.conversation.queue_input_audio(bytes(self._turn))
                self._turn.clear()
        self._dialogue.ask(wanted)

    def truncate(self, item_id: str, audio_end_ms: int) -> None:
        """Tell the model, or the next session, that this much of an item was heard."""
        self._dialogue.truncate(item_id, audio_end_ms)

    def restore(self, item_id: str, from_ms: int, to_ms: int) -> None:
        """Tell the model, or the next session, that more of an item that was cut has been heard after all."""
        self._dialogue.restore(item_id, from_ms, to_ms)

    def delete(self, item_id: str) -> None:
        """Have the server remove an item; raises as `RealtimeAPI.send`."""
        self._dialogue.delete(item_id)

    def audio_sent(self, chunk: bytes) -> None:
        """Take note of audio that was sent, in a turn that is ended by hand."""
        self._turn += chunk
        excess = len(self._turn) - self._api.provider.input_format.ms_to_bytes(MAX_TURN_MS)
        if excess > 0:
            del self._turn[:excess]

    # The leg's side

    async def _keep(self, model: str | None, opened: asyncio.Future[None]) -> None:
        """Own the sessions, and the tools that run, until closed or nothing more can be done."""
        code = "bug"
        try:
            async with asyncio.TaskGroup() as tasks:
                self._dialogue.tasks = tasks  # a tool may be called with the very first events
                try:
                    await self._leg.open(model)
                except GatewayError as exc:
                    opened.set_exception(exc)
                    return
                opened.set_result(None)
                await self._leg.keep()
        except* RealtimeError as group:
            code = next(exc.code for exc in group.exceptions if isinstance(exc, RealtimeError))
            _log.error("no model session any more", code=code[:80])
        except* Exception:
            _log.exception("the model leg failed")
        self._leg.end()
        self._api.drop(code)
        self._around.input.close()
        self._updates.end()
        self._around.publish("close", {"code": code, "error": True})

    def _lost(self, code: str) -> None:
        self._lost_at = time.monotonic()
        self._around.input.close()
        self._dialogue.session_lost()
        _log.warning("model session lost", code=code[:80])
        self._around.publish("session.lost", {"code": code})

    def _session_ready(self, opening: SessionOpening) -> None:
        self._around.input.close()  # what the former socket said of its buffer is no longer true
        opening.socket.on_event = self._server_event
        opening.socket.on_writing_paused = self._around.input.writing_paused
        self.session_id = opening.session_id
        self.n_sessions += 1
        self.voice_is_locked = False
        self._updates.session_ready(is_current=opening.payload == self._whole_payload())
        self._dialogue.session_ready(opening)
        for event in opening.later:
            self._server_event(event)
        if not self.is_ready:
            return  # one of them was its end
        self._dialogue.resume()
        self._resend_turn()
        self._around.input.open()
        if self.n_sessions > 1:
            gap_ms = 0 if self._lost_at is None else round((time.monotonic() - self._lost_at) * 1000)
            n_items = len(opening.restored)
            self._around.publish("session.restored", {"gap_ms": gap_ms, "n_items": n_items})
        self._lost_at = None

    def _resend_turn(self) -> None:
        """Say again what the old session heard of a turn that was not committed."""
        if self._turn:
            turn = bytes(self._turn)
            with contextlib.suppress(RealtimeError):  # the session is lost again
                self._api.send_nowait("input_audio_buffer.append", {"audio": turn})
                self._around.conversation.append_input_audio(turn)

    def _tick(self, now: float) -> None:
        self._dialogue.tick(now)
        if self._around.input.congested_for(now) > STALL_TIMEOUT or self._dialogue.is_stuck(now):
            self._leg.lose("stalled")

    def _server_event(self, event: ServerEvent | Unknown) -> None:
        if type(event) is AudioDelta:
            self.voice_is_locked = True
        elif isinstance(event, SessionUpdated):
            self._updates.confirmed()
            self._check_formats(event.session)
        elif isinstance(event, ErrorEvent):
            self._error(event)
        self._dialogue.take(event)
        self._around.on_event(event)

    def _check_formats(self, session: Session) -> None:
        """Leave a session whose sound would be noise from now on."""
        speaks = self._around.config().output_modalities != ("text",)
        try:
            self._api.provider.check_formats(session, speaks=speaks)
        except RealtimeError as exc:
            _log.error("the model changes its audio format", reason=str(exc))
            self._leg.lose(exc.code)

    def _error(self, event: ErrorEvent) -> None:
        error = event.error
        code = error.code or error.type or "error"
        if code not in BENIGN_ERRORS:
            _log.warning("model error", code=code[:80])
        self._dialogue.refused(error.event_id, code)
        self._updates.refused(error.event_id, code)
        self._around.publish("error", error)
        if code == "session_expired":
            self._leg.lose(code)
        else:
            self._leg.note_error(code, time.monotonic())

    # Small parts

    @property
    def _is_manual(self) -> bool:
        """Whether turns are ended by hand."""
        return self._around.config().turn_detection is None

    @property
    def _server_answers(self) -> bool:
        """Whether the server answers the user's turns by itself."""
        detection = self._around.config().turn_detection
        return detection is not None and detection.create_response

    def _wire_history(self) -> list[dict[str, Any]]:
        return [self._api.provider.item(item) for item in self.history()]

    def _whole_payload(self) -> dict[str, Any]:
        return self._payload(with_voice=True)

    def _payload(self, *, with_voice: bool) -> dict[str, Any]:
        around = self._around
        return self._api.provider.session(
            around.config(), tools=around.toolbox.definitions(), with_voice=with_voice
        )

    def _is_quiet(self) -> bool:
        return self._dialogue.is_quiet() and not self._turn and not self._around.is_audible()

    def _is_for_application(self, tool_name: str) -> bool:
        """Whether a tool was declared in the configuration, so that the application answers its calls."""
        declared = any(tool.get("name") == tool_name for tool in self._around.config().tools)
        return declared and tool_name not in self._around.toolbox
