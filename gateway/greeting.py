"""The agent speaks first."""

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from gateway.realtime import RealtimeClient, SessionConfig
from gateway.realtime.session import changed
from gateway.realtime.session_fields import ServerVad
from gateway.saying import in_these_words, say


def uninterrupted(config: SessionConfig) -> SessionConfig:
    """Settings with which the model lets the caller speak over it without falling silent: noise cuts no greeting."""
    if config.turn_detection is None:
        return config
    detection = msgspec.structs.replace(config.turn_detection, interrupt_response=False)
    return changed(config, turn_detection=detection)


def silent(config: SessionConfig) -> SessionConfig:
    """Settings with which the model listens, and says nothing unless it is asked to."""
    detection = config.turn_detection
    if detection is None:
        return config
    if isinstance(detection, ServerVad):
        detection = msgspec.structs.replace(detection, idle_timeout_ms=UNSET)
    detection = msgspec.structs.replace(detection, create_response=False, interrupt_response=False)
    return changed(config, turn_detection=detection)


async def greet(client: RealtimeClient, text: str, can_interrupt: Callable[[], None]) -> None:
    """Have the model say a greeting; once it is made, let the caller interrupt the model: ``can_interrupt`` is
    called when the model will fall silent by itself.

    Raises:
        GatewayError: the session is lost, or refuses.
        TimeoutError: the model does not finish it.
        ConnectionError: the call is over.
    """
    await say(client, in_these_words(text, how="Greet the caller with exactly these words"))
    if client.config.turn_detection is not None:
        detection = msgspec.structs.replace(client.config.turn_detection, interrupt_response=True)
        await client.update_session(turn_detection=detection)
        can_interrupt()
