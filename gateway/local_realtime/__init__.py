"""The embedded realtime server: the model's end of the protocol, for demo and tests without a key."""

from gateway.local_realtime.hearing import Recogniser
from gateway.local_realtime.persona import Answer, Persona, RecordedPersona, Said, ToolCall, ToolOutput, Turn
from gateway.local_realtime.server import LocalRealtimeServer
from gateway.local_realtime.session import LocalSession
from gateway.local_realtime.voice import RecordedVoice, Speech, Voice

__all__ = [
    "Answer",
    "LocalRealtimeServer",
    "LocalSession",
    "Persona",
    "Recogniser",
    "RecordedPersona",
    "RecordedVoice",
    "Said",
    "Speech",
    "ToolCall",
    "ToolOutput",
    "Turn",
    "Voice",
]
