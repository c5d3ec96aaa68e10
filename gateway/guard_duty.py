"""Has the agent do what the guards of its call want."""

import asyncio
import time
from collections.abc import Callable

import structlog

from gateway import ending as endings
from gateway.agent_leg import AgentLeg
from gateway.ending import Ending
from gateway.errors import GatewayError
from gateway.first_words import Interruptible
from gateway.guards import Ask, Leave
from gateway.realtime.events import (
    CallerTranscript,
    CallerTranscriptFailed,
    ResponseDone,
    ServerEvent,
    SpeechStarted,
    SpeechStopped,
    Unknown,
)
from gateway.realtime.usage import TokenUsage
from gateway.saying import in_these_words, say

_log = structlog.get_logger()


class GuardDuty:
    """Stands guard over one media stream; the guards themselves are the call's."""

    def __init__(self, leg: AgentLeg, bridge: Interruptible, end: Callable[[Ending], None]) -> None:
        self._leg = leg
        self._guards = leg.guards
        self._bridge = bridge
        self._end = end

    def take(self, event: ServerEvent | Unknown, now: float) -> None:
        """Take an event of the model."""
        match event:
            case SpeechStarted():
                self._guards.caller_speaks(now)
            case SpeechStopped():
                self._guards.caller_silent(now)
            case CallerTranscript(transcript=text):
                self._guards.caller_said(text, now)
            case CallerTranscriptFailed():
                self._guards.caller_said(None, now)
            case ResponseDone(response=response) if response.usage is not None:
                self._guards.used(TokenUsage.of(response.usage), now)
            case _:
                pass

    async def run(self) -> None:
        """Look in time whether something is due, until cancelled."""
        client = self._leg.client
        while True:
            await asyncio.sleep(self._guards.until_next_look(time.monotonic()))
            match self._guards.due(
                time.monotonic(), is_audible=client.is_audible(), is_generating=client.is_answering
            ):
                case Ask(text):
                    await self._ask(text)
                case Leave(text, ending):
                    await self._leave(text, ending)

    async def _ask(self, text: str) -> None:
        try:
            await self._leg.client.create_response(instructions=in_these_words(text))
        except GatewayError as exc:
            _log.warning("not asked", call_sid=self._leg.call_sid, reason=str(exc))

    async def _leave(self, text: str | None, ending: Ending) -> None:
        """Say goodbye and end the call; if nobody seemed to be there and somebody speaks after all, it goes on."""
        was_heard = text is None or await self._say_goodbye(text, is_final=ending != endings.NO_INPUT)
        if was_heard or ending != endings.NO_INPUT:
            self._end(ending)
        else:
            self._guards.stayed(time.monotonic())

    async def _say_goodbye(self, text: str, *, is_final: bool) -> bool:
        """Return whether the caller has let it be said; what cannot be said is as good as said."""
        self._bridge.guard_next_response(on=is_final)
        try:
            await say(self._leg.client, in_these_words(text))
        except (GatewayError, TimeoutError, ConnectionError) as exc:
            _log.warning("no goodbye", call_sid=self._leg.call_sid, reason=str(exc))
        return await self._leg.last_words.are_heard()
