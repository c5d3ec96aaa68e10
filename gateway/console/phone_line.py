"""A phone call made in the browser: Twilio's part is played here, the caller's ears and mouth are the page.

The page sends Twilio's ``media``, ``mark`` and ``dtmf`` messages, ready to pass on, and gets Twilio's ``media``,
``mark`` and ``clear``; what is said to the page beyond that begins with ``phone.``.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.console.conversation import for_page
from gateway.console.outcomes import ended_by, in_words
from gateway.console.phone_page import PhonePage
from gateway.ending import Ending
from gateway.errors import RemoteProtocolError
from gateway.feed import CallOver, Feed
from gateway.loadtest.caller_messages import CONNECTED, CallerMessages
from gateway.loadtest.identity import CallIdentity, new_sid
from gateway.loadtest.line import Line, new_http
from gateway.loadtest.server_messages import BadMessage, read_message
from gateway.loadtest.signalling import Signalling
from gateway.loadtest.steps import End, PauseStep, Step, StreamStep, WebhookStep
from gateway.loadtest.timeline import Event
from gateway.twilio.messages import Dtmf, Mark, Media, decode_message

STATUS_URL = "/twilio/status"
"""Where the README has Twilio report the end of a call."""
MAX_MESSAGE = 64 * 1024
"""Bytes of a message from the gateway."""
SEND_TIMEOUT = 10.0
"""Seconds in which the gateway must take a message."""
HANG_UP = '{"event":"phone.hang-up"}'

HUNG_UP = End("caller-hung-up")
MISBEHAVED = "This page sent what no telephone would, and was cut off. Reload the page, then call again."

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

_log = structlog.get_logger()


class PhoneLine:
    """One call, from the first webhook to the last."""

    def __init__(self, page: PhonePage, signalling: Signalling, feed: Feed) -> None:
        self._page = page
        self._signalling = signalling
        self._feed = feed
        self._now = asyncio.get_running_loop().time
        self._identity: CallIdentity = signalling.identity
        self._messages = CallerMessages(self._identity)
        self._stream: ClientConnection | None = None
        self._n_streams = 0
        self._hung_up = self._misbehaved = False
        self._patience: asyncio.Timeout | None = None
        self._ending: Ending | None = None
        self._notices: list[str] = []
        signalling.timeline.on_event = self._happened

    async def carry(self) -> None:
        """Make the call and stay until it is over; tell the page how it went."""
        async with asyncio.TaskGroup() as tasks:
            helpers = (
                tasks.create_task(self._listen_to_page(), name="phone-page"),
                tasks.create_task(self._watch_feed(), name="phone-feed"),
            )
            await asyncio.sleep(0)  # the feed must be watched before its first event
            end = await self._call()
            for helper in helpers:
                helper.cancel()
        by_model = self._ending is not None and self._ending.by == "model"
        await self._page.tell(
            "over",
            reason=end.reason,
            text=MISBEHAVED if self._misbehaved else in_words(end, self._ending),
            by=ended_by(end, self._ending),
            failed=end.failed or by_model or self._misbehaved,
            faults=dict(self._signalling.timeline.faults),
        )

    async def _call(self) -> End:
        signalling = self._signalling
        await self._page.tell("ringing", callSid=self._identity.call_sid)
        began_at = self._now()
        step: Step = signalling.first_step()
        async with new_http() as http:
            line = Line(signalling, http, max_message=MAX_MESSAGE)
            while not isinstance(step, End):
                if isinstance(step, WebhookStep):
                    step = await self._until_hung_up(line.ask, step)
                elif isinstance(step, PauseStep):
                    step = await self._until_hung_up(self._pause, step)
                else:
                    step = await self._carry_stream(line, step, began_at)
                await self._tell_notices()
            await line.report(STATUS_URL)
        return HUNG_UP if self._hung_up else step  # whoever hangs up first

    async def _until_hung_up(self, ask: Callable[[Asked], Awaitable[Answer]], step: Asked) -> Answer | End:
        """Wait for the gateway, but no longer than the caller does."""
        if self._hung_up:
            return HUNG_UP
        try:
            async with asyncio.timeout(None) as self._patience:
                return await ask(step)
        except TimeoutError:
            return HUNG_UP
        finally:
            self._patience = None

    async def _pause(self, step: PauseStep) -> Step:
        await asyncio.sleep(step.seconds)
        return self._signalling.go_on(self._now())

    async def _carry_stream(self, line: Line, step: StreamStep, began_at: float) -> Step:
        opened = await self._until_hung_up(line.open, step)
        if isinstance(opened, End):
            return opened
        async with opened as websocket:
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                if not self._hung_up:
                    await self._begin(websocket, step, round((self._now() - began_at) * 1000))
                    async for message in websocket:
                        await self._from_gateway(message)
            self._stream = None
        return self._signalling.stream_closed(websocket.close_code, self._now())

    async def _begin(self, websocket: ClientConnection, step: StreamStep, set_up_ms: int) -> None:
        self._n_streams += 1
        if self._n_streams > 1:
            self._identity = replace(
                self._identity, stream_sid=new_sid("MZ", f"{self._identity.stream_sid} {self._n_streams}")
            )
        self._messages = CallerMessages(self._identity)
        async with asyncio.timeout(SEND_TIMEOUT):
            await websocket.send(CONNECTED)
            await websocket.send(self._messages.start(step.parameters))
        self._stream = websocket
        await self._page.tell("answered", streamSid=self._identity.stream_sid, setUpMs=set_up_ms)

    async def _from_gateway(self, message: str | bytes) -> None:
        """Pass on what Twilio would act on."""
        try:
            read_message(message, self._identity.stream_sid)
        except BadMessage as error:
            self._signalling.timeline.record_fault(self._now(), error.fault, str(error))
            return
        await self._page.pass_on(message if isinstance(message, str) else message.decode())

    async def _listen_to_page(self) -> None:
        while (text := await self._page.hear()) is not None and text != HANG_UP:
            try:
                await self._from_page(text)
            except RemoteProtocolError as error:
                _log.warning("softphone: not a message of Twilio's", reason=str(error))
                self._misbehaved = True
                break
            except (ConnectionClosed, TimeoutError):
                pass  # the stream's reader sees its end
        await self._hang_up()

    async def _from_page(self, text: str) -> None:
        message = decode_message(text)
        if not isinstance(message, (Media, Mark, Dtmf)):
            raise RemoteProtocolError(f"{type(message).__name__} is not the page's to send")
        if self._stream is None or message.stream_sid != self._identity.stream_sid:
            return  # of a stream that has just ended
        if message.sequence_number != self._messages.n_sequence + 1:
            raise RemoteProtocolError(f"#{message.sequence_number} after #{self._messages.n_sequence}")
        self._messages.n_sequence += 1
        async with asyncio.timeout(SEND_TIMEOUT):
            await self._stream.send(text)

    async def _hang_up(self) -> None:
        """End the call as Twilio does: a stop message, then a close without status."""
        if self._signalling.end is None:
            self._hung_up = True
            self._signalling.finish(HUNG_UP, self._now())
        if self._patience is not None:
            self._patience.reschedule(self._now())
        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(SEND_TIMEOUT):
                    await stream.send(self._messages.stop())
                    async with stream.send_context():
                        stream.protocol.send_close()

    async def _watch_feed(self) -> None:
        async with contextlib.aclosing(self._feed.watch()) as events:
            async for event in events:
                if event.call_sid != self._identity.call_sid:
                    continue
                if isinstance(event, CallOver):
                    self._ending = event.ending
                elif (written := for_page(event)) is not None:
                    await self._page.tell("conversation", **written)

    def _happened(self, event: Event) -> None:
        if event.kind == "verb-skipped":
            self._notices.append(f"Twilio would now do this itself: {event.detail[:300]}")
        elif event.kind == "fault":
            _log.warning("softphone: Twilio would complain about the gateway", detail=event.detail)

    async def _tell_notices(self) -> None:
        notices, self._notices = self._notices, []
        for notice in notices:
            await self._page.tell("notice", text=notice)
