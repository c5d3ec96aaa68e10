"""Has the agent do what the guards of its call want."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from gateway import ending as endings
from gateway.agent_leg import AgentLeg
from gateway.ending import Ending
from gateway.errors import GatewayError
from gateway.first_words import Interruptible
from gateway.greeting import silent
from gateway.guards import PATIENCE, QUIET_LOOK, Ask, Leave
from gateway.realtime.events import (
    AudioDelta,
    CallerTranscript,
    CallerTranscriptFailed,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
    TranscriptDone,
    Unknown,
)
from gateway.realtime.usage import TokenUsage
from gateway.saying import in_these_words, say
from gateway.tally import Tally

RESUME_TIMEOUT = 1.5
"""Seconds after a noise in which what it has cut off goes on; the bridge decides that within one."""

_log = structlog.get_logger()


class Joined(Interruptible, Protocol):
    """The media stream's bridge, as a guard sees it."""

    tally: Tally


class GuardDuty:
    """Stands guard over one media stream; the guards themselves are the call's."""

    def __init__(self, leg: AgentLeg, bridge: Joined, end: Callable[[Ending], None]) -> None:
        self._leg = leg
        self._guards = leg.guards
        self._bridge = bridge
        self._end = end
        self._is_cut = False
        """Whether the caller has made a sound while the agent's goodbye was being made."""
        self._has_said_goodbye = False
        self.is_leaving = False
        """Whether the agent is saying its last words, whatever the caller does, and can be asked for nothing more."""

    def silences(self, event: ServerEvent | Unknown) -> bool:
        """Whether an event of the model is to be passed over, because it comes after the last words."""
        if not self._has_said_goodbye:
            return False
        if isinstance(event, ResponseCreated):
            self._leg.client.cancel_response_nowait(event.response.id)
        return isinstance(event, ResponseCreated | AudioDelta | TranscriptDelta | TranscriptDone)

    def take(self, event: ServerEvent | Unknown, now: float) -> None:
        """Take an event of the model."""
        match event:
            case SpeechStarted():
                self._is_cut |= self._leg.client.is_answering
                self._guards.caller_speaks(now)
            case SpeechStopped():
                self._guards.caller_silent(now)
            case CallerTranscript(transcript=text):
                self._guards.caller_said(text, now)
            case CallerTranscriptFailed():
                self._guards.caller_said(None, now)
            case ResponseDone(response=response):
                if response.conversation_id is not None:  # else nobody hears it
                    self._guards.agent_spoke(now)
                if response.usage is not None:
                    self._guards.used(TokenUsage.of(response.usage), now)
            case _:
                pass

    async def run(self) -> None:
        """Look in time whether something is due, until cancelled."""
        client = self._leg.client
        self._guards.resumed(time.monotonic())
        while True:
            await asyncio.sleep(self._guards.until_next_look(time.monotonic()))
            match self._guards.due(
                time.monotonic(), is_audible=client.is_audible(), is_generating=client.is_answering
            ):
                case Ask(text):
                    await self._ask(text)
                case Leave(text, endings.NO_INPUT):
                    await self._leave_if_nobody_is_there(text)
                case Leave(text, ending):
                    await self._leave(text, ending)

    async def _ask(self, text: str) -> None:
        try:
            await self._leg.client.create_response(instructions=in_these_words(text), tool_choice="none")
        except GatewayError as exc:
            _log.warning("not asked", call_sid=self._leg.call_sid, reason=str(exc))

    async def _leave_if_nobody_is_there(self, text: str | None) -> None:
        """Say goodbye and end the call; if somebody speaks after all, or a noise cuts the goodbye off, it goes on."""
        tally, self._is_cut = self._bridge.tally, False
        n_cut, n_resumed = tally.n_barge_ins, tally.n_resumed
        await self._say(text)
        was_heard = await self._leg.last_words.are_heard()
        is_wanted = await self._is_wanted()
        if not is_wanted and (self._is_cut or tally.n_barge_ins > n_cut):
            goes_on = await _within(RESUME_TIMEOUT, lambda: tally.n_resumed > n_resumed)
            was_heard = goes_on and await self._leg.last_words.are_heard()
        if is_wanted or not was_heard:
            self._guards.stayed(time.monotonic())
        else:
            self._end(endings.NO_INPUT)

    async def _is_wanted(self) -> bool:
        """Whether somebody wants the call to go on; whoever speaks for long does, even if no words are told."""
        await _within(PATIENCE, lambda: self._guards.is_wanted(time.monotonic()) is not None)
        return self._guards.is_wanted(time.monotonic()) is not False

    async def _leave(self, text: str | None, ending: Ending) -> None:
        """Say goodbye, and end the call whatever the caller does."""
        if text is not None:
            self.is_leaving = True
            await self._be_left_in_peace()
            self._bridge.guard_next_response()
            await self._say(text)
            self._has_said_goodbye = True
            await self._leg.last_words.are_heard()
        self._end(ending)

    async def _be_left_in_peace(self) -> None:
        """Have the model answer nobody any more, and let it finish what it is saying."""
        client = self._leg.client
        try:
            await client.update_session(turn_detection=silent(client.config).turn_detection)
        except GatewayError as exc:
            _log.warning("the model goes on answering", call_sid=self._leg.call_sid, reason=str(exc))
        if not await _within(PATIENCE, lambda: not client.is_answering):
            client.cancel_response_nowait()

    async def _say(self, text: str | None) -> None:
        """What cannot be said is as good as said."""
        try:
            await say(self._leg.client, in_these_words(text or ""))
        except (GatewayError, TimeoutError, ConnectionError) as exc:
            _log.warning("no goodbye", call_sid=self._leg.call_sid, reason=str(exc))


async def _within(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Wait until something is so, but no longer than that; return whether it is."""
    for _ in range(math.ceil(seconds / QUIET_LOOK)):
        if is_so():
            return True
        await asyncio.sleep(QUIET_LOOK)
    return is_so()
