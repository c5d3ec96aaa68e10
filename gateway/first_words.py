"""What the agent says of its own accord when a media stream begins: a greeting, a message for a machine, the rest."""

from typing import Protocol

import structlog

from gateway.agent_leg import AgentLeg
from gateway.ending import VOICEMAIL
from gateway.errors import CallEnded, GatewayError
from gateway.greeting import greet, uninterrupted
from gateway.media_clock import MediaClock
from gateway.realtime.resumption import ANSWER_WAS_CUT
from gateway.saying import in_these_words, say
from gateway.screening import Screening

_log = structlog.get_logger()


class Interruptible(Protocol):
    """What keeps the caller's noise from cutting a response."""

    def guard_next_response(self, *, on: bool = True) -> None:
        """Let the caller speak over the next response without cutting it."""

    server_interrupts: bool
    """Whether the model falls silent by itself when the caller speaks."""
    media_clock: MediaClock
    """Knows whether the caller speaks."""


async def speak_first(leg: AgentLeg, bridge: Interruptible) -> None:
    """Say what is to be said.

    Raises:
        CallEnded: a machine answered, and has been left its message.
    """
    try:
        if leg.has_begun:
            await _go_on(leg)
        else:
            if leg.screening is not None:
                await _screen(leg, leg.screening, bridge)
            leg.has_begun = True
            await _greet(leg, bridge)
    except (GatewayError, TimeoutError, ConnectionError) as exc:
        if isinstance(exc, CallEnded):
            raise
        bridge.guard_next_response(on=False)
        _log.warning("no first words", call_sid=leg.call_sid, reason=str(exc))


async def _go_on(leg: AgentLeg) -> None:
    """Say the rest of what the last media stream did not carry."""
    if leg.was_cut:
        await leg.client.create_response(instructions=ANSWER_WAS_CUT)
        leg.was_cut = False


async def _greet(leg: AgentLeg, bridge: Interruptible) -> None:
    if not leg.agent.greeting:
        return

    def let_interrupt() -> None:
        bridge.server_interrupts = True

    bridge.guard_next_response()
    await greet(leg.client, leg.agent.greeting, let_interrupt)


async def _screen(leg: AgentLeg, screening: Screening, bridge: Interruptible) -> None:
    """Keep silent until a person has answered; leave a machine the agent's message, and end the call."""
    answered_by = await screening.result()
    if answered_by == "person":
        config = leg.agent.session_config(leg.client.config.instructions)
        detection = (uninterrupted(config) if leg.agent.greeting else config).turn_detection
        await leg.client.update_session(turn_detection=detection)
        if not leg.agent.greeting:
            bridge.server_interrupts = detection is not None and detection.interrupt_response
            if (
                not bridge.media_clock.caller_speaks
            ):  # else the model answers by itself when they have finished
                await leg.client.create_response()  # they have said hello, and nobody has answered yet
        return
    leg.has_begun = True
    if answered_by == "machine" and leg.agent.voicemail:
        bridge.guard_next_response()
        await say(leg.client, in_these_words(leg.agent.voicemail))
        await leg.last_words.are_heard()
    raise CallEnded(VOICEMAIL)
