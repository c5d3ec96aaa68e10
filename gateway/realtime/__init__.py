"""The model leg: the Realtime protocol and the three classes that speak it."""

from gateway.realtime.api import RealtimeAPI
from gateway.realtime.client import RealtimeClient
from gateway.realtime.conversation import RealtimeConversation
from gateway.realtime.known_providers import provider_named
from gateway.realtime.providers import Provider
from gateway.realtime.session import SessionConfig, changed
from gateway.realtime.session_fields import (
    NoiseReduction,
    Reasoning,
    SemanticVad,
    ServerVad,
    Transcription,
    TurnDetection,
)

__all__ = [
    "NoiseReduction",
    "Provider",
    "RealtimeAPI",
    "RealtimeClient",
    "RealtimeConversation",
    "Reasoning",
    "SemanticVad",
    "ServerVad",
    "SessionConfig",
    "Transcription",
    "TurnDetection",
    "changed",
    "provider_named",
]
