"""A caller and a client's tools for a persona: a conversation of real items, without a server."""

import json
from collections.abc import Callable
from typing import Any

from gateway.local_realtime.conversation import Item
from gateway.local_realtime.persona import Answer, Persona, Turn, turn_to_answer
from gateway.local_realtime.personas import OrderDesk
from gateway.local_realtime.tools import OfferedTool, OfferedTools

Tool = Callable[[dict[str, Any]], Any]

NUMBER = {
    "type": "object",
    "properties": {"order_number": {"type": "string"}},
    "required": ["order_number"],
}
LOOKUP = OfferedTool("order_status", "Looks up the status of an order by its number.", NUMBER)
TRANSFER = OfferedTool(
    "transfer_call",
    "Puts the caller through to a person.",
    {"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]},
)
HANG_UP = OfferedTool("hang_up", "Ends the call.", {"type": "object", "properties": {}})
TOOLS = (LOOKUP, TRANSFER, HANG_UP)

ORDERS = {
    "4712": {"order_number": "4712", "status": "shipped", "carrier": "DHL", "arrives": "2026-11-26"},
    "5020": {"order_number": "5020", "status": "being prepared", "carrier": "", "arrives": "Friday"},
    "1200": {"order_number": "1200", "status": "delivered", "carrier": "UPS", "arrives": "yesterday"},
}

SHIPPED = "Order 4 7 1 2 has been shipped with DHL and should arrive on Thursday, November 26."
"""What the desk tells of order 4712."""


def order_status(arguments: dict[str, Any]) -> Any:
    """The client's lookup."""
    number = arguments["order_number"]
    return ORDERS.get(number, {"error": f"There is no order {number}."})


class Phone:
    """Speaks to a persona; every answer and every call is kept."""

    def __init__(
        self,
        persona: Persona | None = None,
        *,
        instructions: str = "",
        tools: tuple[OfferedTool, ...] = TOOLS,
        required: tuple[str, ...] = (),
        client: dict[str, Tool] | None = None,
    ) -> None:
        self.persona = persona or OrderDesk()
        self.instructions = instructions
        self.tools = OfferedTools(tools, required)
        self.client = {"order_status": order_status} if client is None else client
        self.items: list[Item] = []
        self.said: list[str] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def pick_up(self) -> str:
        """Have it say the first word."""
        return self.ask()

    def say(self, words: str) -> str:
        """Speak; give all it says until it waits again."""
        self.add_message("user", {"type": "input_audio", "transcript": words})
        return self.ask()

    def key(self, text: str) -> str:
        """Send a typed item, as pressed keys are."""
        self.add_message("user", {"type": "input_text", "text": text})
        return self.ask()

    def be_silent(self) -> str:
        """Let the idle timeout run out."""
        self.add_message("user", {"type": "input_audio", "transcript": ""}, is_silence=True)
        return self.ask()

    def note(self, text: str, **request: str) -> str:
        """Send a system message and ask for an answer."""
        self.add_message("system", {"type": "input_text", "text": text})
        return self.ask(**request)

    def cut_off(self) -> None:
        """Interrupt: the words of the last message are not known any more."""
        message = next(item for item in reversed(self.items) if item.role == "assistant")
        message.audio_ms = 1000
        message.truncate(10)

    def ask(self, request: str = "") -> str:
        """Ask for an answer; run the tools it calls until it waits again."""
        heard = []
        for _ in range(5):
            answer = self.answer(request)
            heard.append(answer.text)
            if not self._run_tools(answer):
                break
            request = ""
        return " ".join(filter(None, heard))

    def answer(self, request: str = "") -> Answer:
        """Ask for one answer, and keep its words."""
        given = self.persona.answer(self.turn(request))
        answer = Answer(given) if isinstance(given, str) else given
        if answer.text:
            self.said.append(answer.text)
            self.add_message("assistant", {"type": "output_audio", "transcript": answer.text})
        return answer

    def turn(self, request: str = "") -> Turn:
        """What the persona is shown."""
        return turn_to_answer(self.items, self.instructions, self.tools, request)

    def add_message(self, role: str, part: dict[str, Any], *, is_silence: bool = False) -> None:
        """Put a message into the conversation."""
        self._add({"type": "message", "role": role, "content": [part]}, is_silence=is_silence)

    def add_call(self, name: str, arguments: str, output: str | None = None) -> None:
        """Put a call into the conversation, and its output if there is one."""
        call_id = f"call_{len(self.items)}"
        self._add({"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments})
        if output is not None:
            self._add({"type": "function_call_output", "call_id": call_id, "output": output})

    def _run_tools(self, answer: Answer) -> bool:
        has_output = False
        for call in answer.calls:
            arguments = json.loads(call.arguments)
            self.calls.append((call.name, arguments))
            tool = self.client.get(call.name)
            output = None if tool is None else tool(arguments)
            text = output if isinstance(output, str | None) else json.dumps(output)
            self.add_call(call.name, call.arguments, text)
            has_output |= output is not None
        return has_output

    def _add(self, state: dict[str, Any], *, is_silence: bool = False) -> None:
        self.items.append(Item({"id": f"item_{len(self.items)}", **state}, is_silence=is_silence))


def greeted(**options: Any) -> Phone:
    """A phone on which the desk has answered."""
    phone = Phone(**options)
    phone.pick_up()
    return phone


def asked_for_number() -> Phone:
    """A phone on which the desk waits for an order number."""
    phone = greeted()
    assert "order number" in phone.say("I'd like the status of my order.")
    return phone
