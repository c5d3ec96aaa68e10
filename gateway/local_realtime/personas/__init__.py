"""What the embedded server can answer: by rules, by echo, by a script, or with recordings."""

from gateway.local_realtime.personas.echo import EchoPersona
from gateway.local_realtime.personas.order_desk import OrderDesk
from gateway.local_realtime.personas.recorded import RecordedPersona
from gateway.local_realtime.personas.script import Script, parse_script, read_script
from gateway.local_realtime.personas.scripted import ScriptedPersona

__all__ = [
    "EchoPersona",
    "OrderDesk",
    "RecordedPersona",
    "Script",
    "ScriptedPersona",
    "parse_script",
    "read_script",
]
