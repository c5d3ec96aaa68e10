"""The agent speaks first."""

from collections.abc import Callable

import msgspec

from gateway.realtime import RealtimeClient, SessionConfig
from gateway.realtime.session import changed

GREETING_TIMEOUT = 30.0
"""Seconds in which the model must have made the greeting."""


def uninterrupted(config: SessionConfig) -> SessionConfig:
    """Settings with which the model lets the caller speak over it without falling silent: noise cuts no greeting."""
    if config.turn_detection is None:
        return config
    detection = msgspec.structs.replace(config.turn_detection, interrupt_response=False)
    return changed(config, turn_detection=detection)


async def greet(client: RealtimeClient, text: str, can_interrupt: Callable[[], None]) -> None:
    """Have the model say a greeting; once it is made, let the caller interrupt the model: ``can_interrupt`` is
    called when the model will fall silent by itself.

    Raises:
        GatewayError: the session is lost, or refuses.
        TimeoutError: the model does not finish it.
        ConnectionError: the call is over.
    """
    quoted = text.replace('"', "'")
    await client.create_response(instructions=f'Greet the caller with exactly these words: "{quoted}"')
    await client.wait_for_next("response.completed", timeout=GREETING_TIMEOUT)
    if client.config.turn_detection is not None:
        detection = msgspec.structs.replace(client.config.turn_detection, interrupt_response=True)
        await client.update_session(turn_detection=detection)
        can_interrupt()
