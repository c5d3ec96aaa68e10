"""Agents of calls, without a call."""

from gateway.agent_instructions import CallDetails
from gateway.agent_leg import AgentLeg
from gateway.agents import AgentConfig
from gateway.ending import Ending
from gateway.guards import Guards
from gateway.realtime import Provider, RealtimeClient
from gateway.transfer import TransferOrder


class NobodyToTransferTo:
    """Passes nobody on."""

    async def begin(self, order: TransferOrder) -> str | None:
        """Say that there is nobody."""
        return f"{order.target.name} does not exist"


class EndedCall:
    """A call that takes note of its end, and is nothing else."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self.texts: list[str] = []
        self.recording_is_paused = False

    def end(self, ending: Ending) -> None:
        """End it."""
        self.ending = ending

    async def send_text(self, text: str) -> None:
        """Take note of a text."""
        self.texts.append(text)

    def pause_recording(self, *, on: bool) -> None:
        """Take note of it."""
        self.recording_is_paused = on


def new_leg(provider: Provider, call_sid: str = "CA1") -> AgentLeg:
    """An agent that only hangs up."""
    agent = AgentConfig(instructions="Be brief.")
    return AgentLeg(
        RealtimeClient(provider),
        agent,
        call_sid,
        CallDetails(),
        tools={},
        guards=Guards(agent.limits, agent.phrases, None, words_are_told=True),
        transferring=NobodyToTransferTo(),
    )
