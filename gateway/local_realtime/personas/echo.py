"""EchoPersona: tells the caller what was recognised."""

from gateway.local_realtime.persona import Turn
from gateway.local_realtime.personas.literal import exact_words


class EchoPersona:
    """Says back what it heard, to check the line and the recogniser."""

    def answer(self, turn: Turn) -> str:
        """Greet, or say the words; say so where there are none. Words that are asked for exactly come before."""
        if exact := exact_words(turn.request):
            return exact
        words = turn.text.strip()
        match turn.kind:
            case "nothing":
                return "Hello. Say something, and I will say it back to you."
            case "silence":
                return "I hear nothing."
            case "tool":
                return f"The tool answered: {words}"
            case _:
                return f"You said: {words}" if words else "I heard you, but not the words."
