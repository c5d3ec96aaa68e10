"""OrderDesk: a short telephone conversation by rules, about the status of an order."""

from gateway.local_realtime.persona import Answer, Turn
from gateway.local_realtime.personas.calls import with_required_call
from gateway.local_realtime.personas.facts import Guide, read_guide
from gateway.local_realtime.personas.requests import respond
from gateway.local_realtime.personas.scene import read_scene


class OrderDesk:
    """Tells the status of orders through the client's tools, and what the instructions let it know.

    There is no language model behind it. Of the instructions it understands ``Topic: answer`` lines, who it is
    (``Company:``, ``Name:``, "You are ...") and a greeting (``Greeting:``, or a quotation after "greet" or
    "say"). Where it stands it reads from the conversation, so a fresh one can go on with a restored one; it
    remembers only its last words, which a truncated message does not hold any more.
    """

    def __init__(self) -> None:
        self._said = ""
        self._instructions = ""
        self._guide = Guide()

    def answer(self, turn: Turn) -> Answer:
        """Answer in one or two sentences, with calls of offered tools alone."""
        if turn.instructions != self._instructions:
            self._instructions, self._guide = turn.instructions, read_guide(turn.instructions)
        scene = read_scene(turn, self._said, self._guide)
        answer = with_required_call(scene, respond(scene))
        self._said = answer.text or self._said
        return answer
