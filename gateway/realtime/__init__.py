"""The model leg: the Realtime protocol and the three classes that speak it."""

from gateway.realtime.api import RealtimeAPI
from gateway.realtime.client import RealtimeClient
from gateway.realtime.conversation import RealtimeConversation
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig, TurnDetection

__all__ = [
    "Provider",
    "RealtimeAPI",
    "RealtimeClient",
    "RealtimeConversation",
    "SessionConfig",
    "TurnDetection",
]
