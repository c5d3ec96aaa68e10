"""The embedded realtime server: the model's end of the protocol, for demo and tests without a key."""

from gateway.local_realtime.hearing import Recogniser
from gateway.local_realtime.moonshine import MoonshineRecogniser
from gateway.local_realtime.moonshine_files import RecogniserUnavailable
from gateway.local_realtime.parts import Parts, installed_parts, recorded_parts
from gateway.local_realtime.persona import Answer, Persona, Said, ToolCall, ToolOutput, Turn
from gateway.local_realtime.personas import EchoPersona, OrderDesk, RecordedPersona, ScriptedPersona
from gateway.local_realtime.piper import PiperVoice
from gateway.local_realtime.piper_files import VoiceUnavailable
from gateway.local_realtime.server import LocalRealtimeServer
from gateway.local_realtime.session import LocalSession
from gateway.local_realtime.tools import OfferedTool
from gateway.local_realtime.voice import RecordedVoice, Voice

__all__ = [
    "Answer",
    "EchoPersona",
    "LocalRealtimeServer",
    "LocalSession",
    "MoonshineRecogniser",
    "OfferedTool",
    "OrderDesk",
    "Parts",
    "Persona",
    "PiperVoice",
    "Recogniser",
    "RecogniserUnavailable",
    "RecordedPersona",
    "RecordedVoice",
    "Said",
    "ScriptedPersona",
    "ToolCall",
    "ToolOutput",
    "Turn",
    "Voice",
    "VoiceUnavailable",
    "installed_parts",
    "recorded_parts",
]
