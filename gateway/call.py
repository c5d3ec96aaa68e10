"""The media session: one media stream joined to one model session, from handshake to ending."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from gateway import ending as endings
from gateway import feed as news
from gateway.active_calls import ActiveCalls
from gateway.agent_leg import AgentLeg
from gateway.bridge import AppendAudio, Bridge, CancelResponse, ClearAudio, Command, PlayAudio, TruncateItem
from gateway.call_recordings import Recordings
from gateway.call_report import CallReport
from gateway.caller_leg import CallerLeg, CallerSocket
from gateway.comfort import Comfort, Prompts
from gateway.commands import DeleteItem, RestoreItem
from gateway.ending import Ending
from gateway.errors import CallEnded, GatewayError, RealtimeError
from gateway.feed import Feed
from gateway.first_words import speak_first
from gateway.guard_duty import GuardDuty
from gateway.interruptions import silence_ending_turns
from gateway.keyed import Keyed
from gateway.metrics import Metrics
from gateway.model_leases import Lease
from gateway.realtime import RealtimeClient
from gateway.realtime.events import AudioDelta, ServerEvent, SpeechStarted, Unknown
from gateway.realtime.retry import is_retryable
from gateway.twilio.messages import Dtmf, Mark, Media, Start, Stop, StreamMessage

START_TIMEOUT = 10.0
"""Seconds from the handshake in which a valid start must come."""
MEDIA_TIMEOUT = 30.0
"""Seconds without any media after which the stream is given up."""


class Call:
    """Carries audio both ways. Driven by callbacks from both sockets; ``run`` owns everything that takes time."""

    def __init__(
        self,
        socket: CallerSocket,
        *,
        active_calls: ActiveCalls,
        take_lease: Callable[[str], Lease],
        release: Callable[[AgentLeg, Ending], Awaitable[None]],
        prompts: Prompts,
        feed: Feed,
        metrics: Metrics,
        recordings: Recordings | None = None,
    ) -> None:
        self._report = CallReport(feed, metrics)
        self.caller_leg = CallerLeg(
            socket,
            metrics,
            self._report.measures,
            take=self._caller_message,
            gone=self._caller_gone,
            fail=self._fail,
        )
        self._active_calls = active_calls
        self._take_lease = take_lease
        self._release = release
        self._prompts = prompts
        self._metrics = metrics
        self._recordings = recordings
        self._bridge = Bridge()
        """Of the start message on, one that speaks the model's formats; and so with the two below."""
        self._lease: Lease
        self._leg: AgentLeg
        self._guard_duty: GuardDuty
        self._client: RealtimeClient
        self._log = structlog.get_logger()
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._begun = asyncio.Event()
        self._comfort = Comfort(lambda: self._bridge.playback.is_unheard, self._ask_for_patience)
        self._keyed = Keyed(self._enter)
        self._all_heard = asyncio.Event()
        self._gone = asyncio.Event()
        self._media_at = time.monotonic()
        self._added_up = metrics.added_latency.labels("caller-to-model")
        self._added_down = metrics.added_latency.labels("model-to-caller")

    async def run(self) -> Ending:
        """Carry the call to its end; return who ended it and why. Nothing is raised past here."""
        started_at = time.monotonic()
        ending = endings.BUG
        self._active_calls.n_unauthenticated += 1
        try:
            ending = await self._carry()
            if ending.apology:
                await self._apologise()
        except Exception:
            self._log.exception("call failed")
        finally:
            self.end(ending)
            if self._begun.is_set() and ending.goes_on:
                self._leave(ending)
            self.caller_leg.close(ending)
            self._account_for(ending, time.monotonic() - started_at)
            if self._begun.is_set():
                await self._release(self._leg, ending)
        return ending

    def end(self, ending: Ending) -> None:
        """Begin to end the call; the first ending counts."""
        if not self._ended.done():
            self._ended.set_result(ending)

    async def _carry(self) -> Ending:
        ended: list[Ending] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_ended(), name="ending")
                tasks.create_task(self._begin(), name="begin")
                tasks.create_task(self._comfort.run(self._begun), name="comfort")
                tasks.create_task(self._keyed.run(), name="keys")
                tasks.create_task(self._watch(), name="watch")
        except* CallEnded as group:
            ended += [exc.ending for exc in group.exceptions if isinstance(exc, CallEnded)]
        return ended[0]

    async def _until_ended(self) -> None:
        raise CallEnded(await self._ended)

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await self._begun.wait()
        except TimeoutError:
            raise CallEnded(endings.NO_START) from None
        structlog.contextvars.bind_contextvars(
            call_sid=self.caller_leg.call_sid, stream_sid=self.caller_leg.stream_sid
        )
        self._log.info("call started")
        try:
            await self._lease.ready()
        except RealtimeError as exc:
            self._log.error("no model session", reason=str(exc), code=exc.code[:80])
            raise CallEnded(self._model_gone if is_retryable(exc.code) else endings.MODEL_REFUSED) from None
        except GatewayError as exc:  # the provider cannot do what the agent asks for
            self._log.error("no model session", reason=str(exc))
            raise CallEnded(endings.MODEL_REFUSED) from None
        self._comfort.model_came()
        self._report.model_ready()
        await speak_first(self._leg, self._bridge)
        await self._guard_duty.run()

    async def send_text(self, text: str) -> None:
        """Have the model answer a text, in speech.

        Raises:
            RealtimeError: there is no model session, or the call is about to end.
        """
        await self._put_in(text)
        self._report.typed(text)

    def pause_recording(self, *, on: bool) -> None:
        """Pause the call's recording, or go on with it; its next media streams' too."""
        self._leg.pausing.is_paused = on

    async def _put_in(self, text: str) -> None:
        if self._ended.done() or self._guard_duty.is_leaving:
            raise RealtimeError("the call is about to end", code="not_connected")
        self._leg.guards.text_sent(time.monotonic())
        await self._client.send_user_message_content([{"type": "text", "text": text}])

    async def _enter(self, keys: str) -> None:
        self._leg.has_announced = False  # the caller has had their say
        try:
            await self._put_in(keys)
            self._report.typed(keys, masked=self._leg.agent.mask_keys)
        except RealtimeError as exc:
            self._log.warning("keys lost", reason=str(exc))

    async def _watch(self) -> None:
        """Look after what would otherwise just be silent."""
        await self._begun.wait()
        while True:
            await asyncio.sleep(self._bridge.until_next_look(time.monotonic()))
            now = time.monotonic()
            self._perform(self._bridge.no_caller_audio(now))
            if now - self._media_at > MEDIA_TIMEOUT:
                raise CallEnded(endings.MEDIA_TIMEOUT)

    async def _apologise(self) -> None:
        """Say that we have a problem, and wait until that was heard or the caller has gone."""
        if not self.caller_leg.is_streaming or self._gone.is_set():
            return
        self._all_heard.clear()
        self._perform(self._bridge.announce(self._prompts.apology, time.monotonic()))
        try:
            async with asyncio.timeout(len(self._prompts.apology) / 8000 + 2.0):
                await self._all_heard.wait()
        except TimeoutError:
            self._log.warning("the apology's last mark did not come back")

    def unheard(self) -> float | None:
        """Seconds of what was sent that have not sounded yet; None once all of it is known to have been heard."""
        playback = self._bridge.playback
        return playback.unheard_ms(time.monotonic()) / 1000 if playback.is_unheard else None

    def heard_ms(self, item_id: str) -> int:
        """How much was heard of an item that is not whole; still asked when the stream has ended."""
        return self._bridge.playback.heard_ms(item_id, time.monotonic())

    def _ask_for_patience(self) -> None:
        one_moment = self._prompts.one_moment
        self._perform(self._bridge.announce(one_moment, time.monotonic(), interrupts=False))

    def send_keys(self, tones: bytes) -> None:
        """Send key tones, mu-law, behind everything that was sent so far."""
        self._perform(self._bridge.send_keys(tones, time.monotonic()))

    def is_sending_keys(self) -> bool:
        """Whether some of them have not been heard."""
        return self._bridge.is_sending_keys

    # Callbacks of the caller leg

    def _caller_message(self, message: StreamMessage, now: float) -> None:
        if type(message) is Media:
            self._media_at = now
            if not self._ended.done():
                self._perform(
                    self._bridge.caller_audio(message.media.payload, now, message.media.timestamp_ms)
                )
                self._added_up.observe(time.monotonic() - now)
        elif isinstance(message, Mark):
            self._perform(self._bridge.mark(message.mark.name, now))
            if not self._begun.is_set():
                return
            self._report.heard(self._bridge.playback.pop_heard())
            self._leg.playback_moved()
            if not self._bridge.playback.is_unheard:
                self._all_heard.set()
        elif isinstance(message, Dtmf):
            self._keyed.press(message.dtmf.digit, now)
            if self._begun.is_set():
                self._key_pressed(now)
        elif isinstance(message, Start):
            self._start(message, now)
        elif isinstance(message, Stop):
            is_passed_on = self._begun.is_set() and self._leg.transfer.is_under_way
            self._caller_gone(endings.TRANSFERRED if is_passed_on else endings.HANGUP)

    def _start(self, message: Start, now: float) -> None:
        token = message.start.custom_parameters.get("token", "")
        if not self._active_calls.begin(self.caller_leg.call_sid, token, self, now):
            self.end(endings.BAD_TOKEN)
            return
        self._log = self._log.bind(call_sid=self.caller_leg.call_sid, stream_sid=self.caller_leg.stream_sid)
        self.caller_leg.log = self._log
        self._active_calls.n_unauthenticated -= 1
        self._metrics.calls_active.inc()
        self._media_at = now
        self._report.call_sid = self.caller_leg.call_sid
        self._join(self._take_lease(self.caller_leg.call_sid))
        self._report.started(self._active_calls.admitted_at(self.caller_leg.call_sid))
        self._begun.set()

    def _join(self, lease: Lease) -> None:
        """Join the stream to a model's session, open or not yet."""
        self._lease, self._leg, self._client = lease, lease.leg, lease.leg.client
        self._report.transcript, self._report.prices = self._leg.transcript, self._leg.guards.prices
        detection, provider = self._client.config.turn_detection, self._client.provider
        self._bridge = Bridge(
            server_interrupts=detection is not None and detection.interrupt_response,
            input_format=provider.input_format,
            output_format=provider.output_format,
            resumes=self._leg.agent.resume_after_noise,
            silence_ms=silence_ending_turns(self._leg.agent.session_config(""), provider),
        )
        self._guard_duty = GuardDuty(self._leg, self._bridge, self.end)
        if self._recordings is not None and self._leg.agent.record:
            self.caller_leg.recording = self._recordings.new(self._leg.call_sid, self._leg.pausing)
        self._leg.join(self)
        self._leg.guards.started(time.monotonic())

    def _leave(self, ending: Ending) -> None:
        """The call goes on without this stream: the model must know how far it was heard."""
        commands = self._bridge.stream_over(time.monotonic())
        if ending != endings.TRANSFERRED:
            self._leg.was_cut |= bool(commands)
        self._leg.guards.caller_silent(time.monotonic())
        self._perform(commands)

    def _key_pressed(self, now: float) -> None:
        self._leg.guards.key_pressed(now)
        if self._leg.agent.keys_interrupt:
            self._perform(self._bridge.key_pressed(now))

    def _caller_gone(self, ending: Ending) -> None:
        self._gone.set()
        self._all_heard.set()
        self.end(ending)

    # Callbacks of the model leg

    def event_received(self, event: ServerEvent | Unknown) -> None:
        """Take an event of the model. While a stream ends after which the call goes on, none may be missed."""
        if self._ended.done() and not self._ended.result().goes_on:
            return
        now = time.monotonic()
        try:
            if self._guard_duty.silences(event):
                return
            commands = self._bridge.model_event(event, now)
            self._perform(commands)
            if type(event) is AudioDelta:
                self._added_down.observe(time.monotonic() - now)
                # What comes late of an answer that was cut is not said to anybody.
                self._leg.has_announced |= any(type(each) is PlayAudio for each in commands)
            else:
                self._guard_duty.take(event, now)
                if type(event) is SpeechStarted:
                    self._leg.has_announced = False
            self._report.model_event(event, now)
        except Exception:
            self._fail()

    def model_lost(self, event: dict[str, Any]) -> None:
        """Take the loss of the model's session."""
        if not self._ended.done():
            self._comfort.model_went()
            self._leg.guards.caller_silent(time.monotonic())
            self._perform(self._bridge.session_lost(time.monotonic()))
            self._report.publish(news.ModelLost, code=event["code"])

    def model_restored(self, event: dict[str, Any]) -> None:
        """Take note that another session took over."""
        self._comfort.model_came()
        self._report.model_restored(event["gap_ms"])

    def model_over(self, event: dict[str, Any]) -> None:
        """Take note that there will be none any more."""
        if event["error"]:
            self._report.model_over()
            self.end(self._model_gone if is_retryable(event["code"]) else endings.MODEL_REFUSED)

    # Both

    def _perform(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case AppendAudio(audio=audio):
                    self._send_to_model(self._client.append_input_audio_nowait, audio)
                case PlayAudio(payload=payload, mark_name=name):
                    self.caller_leg.play(payload, name)
                case ClearAudio():
                    self.caller_leg.clear()
                    self._leg.interrupted()
                    self._metrics.barge_ins.inc()
                case TruncateItem(item_id=item_id, audio_end_ms=ms):
                    self._send_to_model(self._client.truncate_item_nowait, item_id, ms)
                    self._report.cut(item_id, ms)
                    self._report.publish(news.Interrupted, item_id=item_id, heard_ms=ms)
                case RestoreItem(item_id=item_id, from_ms=from_ms, to_ms=to_ms):
                    self._send_to_model(self._client.restore_item_nowait, item_id, from_ms, to_ms)
                    self._report.cut(item_id, to_ms)
                case DeleteItem(item_id=item_id):
                    self._send_to_model(self._client.delete_item_nowait, item_id)
                case CancelResponse(response_id=response_id):
                    self._send_to_model(self._client.cancel_response_nowait, response_id)

    def _send_to_model(self, send: Callable[..., None], *arguments: object) -> None:
        try:
            send(*arguments)
        except RealtimeError:  # there is no session any more, and the close event is on its way
            if self._client.n_sessions:
                self.end(endings.MODEL_LOST)  # else it is `_begin` that knows why there never was one

    @property
    def _model_gone(self) -> Ending:
        """What it is called that no session can be had: whether there ever was one."""
        return endings.MODEL_LOST if self._client.n_sessions else endings.MODEL_UNREACHABLE

    def _fail(self) -> None:
        self._log.exception("call failed")
        self.end(endings.BUG)

    def _account_for(self, ending: Ending, seconds: float) -> None:
        """The numbers of a call that is over."""
        for cut in self._bridge.playback.cuts(time.monotonic()):
            self._report.cut(cut.item_id, cut.audio_end_ms)
        if self._report.call_sid:  # its place was taken, whatever came of it afterwards
            self._metrics.calls_active.dec()
            self._active_calls.finish(self.caller_leg.call_sid, ending)
            self._report.publish(news.CallOver, ending=ending)
        else:
            self._active_calls.n_unauthenticated -= 1
        counted = {**self.caller_leg.counted, "timestamp_jumps": self._bridge.media_clock.n_jumps}
        client = self._client if self._begun.is_set() else None
        self._report.over(self._log, ending, seconds, self._bridge.tally, client, **counted)
