"""Who answers a call, and with what: from what is known of it to the model's session that is opened for it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib import resources

from gateway.agent_instructions import CallDetails
from gateway.agents import AgentConfig, Agents
from gateway.agents_toml import parse_agents
from gateway.greeting import uninterrupted
from gateway.model_leases import Lease, ModelLeases
from gateway.realtime import Provider, RealtimeClient
from gateway.realtime.session import DEFAULT_INSTRUCTIONS
from gateway.tools import Tool

MAX_EXPECTED = 1000
"""Calls remembered between webhook and stream; more than are ever admitted within a token's lifetime."""


def nobody_in_particular() -> Agents:
    """Agents where no file names any: one that waits for the caller's first word."""
    return Agents({"default": AgentConfig(instructions=DEFAULT_INSTRUCTIONS)})


def example_agents() -> Agents:
    """The order desk of the packaged example, for the embedded server."""
    name = "agents_example.toml"
    return parse_agents(resources.files("gateway").joinpath(name).read_bytes(), name=name)


class Answering:
    """Chooses agents by dialled number. ``agents`` are those of now, ``tools`` what they may name beside a call's own.

    ``fallback_number`` is for agents that have none of their own.
    """

    def __init__(
        self,
        agents: Callable[[], Agents],
        leases: ModelLeases,
        provider: Callable[[], Provider],
        tools: Mapping[str, Tool],
        fallback_number: str | None,
    ) -> None:
        self._agents = agents
        self._leases = leases
        self._provider = provider
        self._tools = tools
        self._fallback_number = fallback_number
        self._expected: OrderedDict[str, CallDetails] = OrderedDict()

    def expect(self, call_sid: str, details: CallDetails) -> None:
        """Open the model's session of a call that was admitted, while its stream is on its way."""
        self._expected[call_sid] = details
        if len(self._expected) > MAX_EXPECTED:
            self._expected.popitem(last=False)
        self._leases.open(call_sid, lambda: self._lease(details))

    def take(self, call_sid: str) -> Lease:
        """Give a call whose stream has started its session, open or not yet."""
        details = self._expected.pop(call_sid, CallDetails())
        return self._leases.take(call_sid, lambda: self._lease(details))

    def forget(self, call_sid: str) -> None:
        """Close what was opened for a call that is over, if its stream has never started."""
        self._expected.pop(call_sid, None)
        self._leases.drop(call_sid)

    def fallback_for(self, number: str) -> str | None:
        """Find the phone for callers of a dialled number that cannot be answered."""
        _, agent = self._agents().agent_for(number)
        return agent.fallback_number or self._fallback_number

    def _lease(self, details: CallDetails) -> Lease:
        _, agent = self._agents().agent_for(details.to_number)
        config = agent.session_config(agent.instructions_for(details))
        if agent.greeting:
            config = uninterrupted(config)
        client = RealtimeClient(agent.provider(self._provider()), config)
        for name in agent.tools:
            if name in self._tools:
                client.toolbox.add(self._tools[name])
        return Lease(client, greeting=agent.greeting or None, tools=agent.tools)
