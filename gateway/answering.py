"""Who answers a call, and with what: from what is known of it to the model's session that is opened for it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar

import structlog

from gateway.agent_instructions import CallDetails
from gateway.agent_leg import AgentLeg
from gateway.agent_limits import LimitsTable
from gateway.agents import AgentConfig, Agents
from gateway.agents_toml import parse_agents
from gateway.ending import TRANSFERRED, Ending
from gateway.greeting import silent, uninterrupted
from gateway.guards import Guards
from gateway.handover import Histories
from gateway.model_leases import Lease, ModelLeases
from gateway.realtime import Provider, RealtimeClient
from gateway.realtime.session import DEFAULT_INSTRUCTIONS
from gateway.screening import Screening
from gateway.tools import Tool
from gateway.transfer import Transferring

T = TypeVar("T")
_log = structlog.get_logger()

MAX_EXPECTED = 1000
"""Calls remembered between webhook and stream; more than are ever admitted within a token's lifetime."""
ANOTHER_STREAM = 20.0
"""Seconds that the session of a call is kept after its media stream has ended, for another."""


@dataclass(frozen=True)
class Expected:
    """A call whose media stream is on its way."""

    details: CallDetails
    agent: str | None = None
    """By name; None for whom the dialled number leads to."""
    screening: Screening | None = None
    """Of an outbound call."""


def nobody_in_particular() -> Agents:
    """Agents where no file names any: one that waits for the caller's first word."""
    return Agents({"default": AgentConfig(instructions=DEFAULT_INSTRUCTIONS)})


def example_agents() -> Agents:
    """The order desk of the packaged example, for the embedded server."""
    name = "agents_example.toml"
    return parse_agents(resources.files("gateway").joinpath(name).read_bytes(), name=name)


class Answering:
    """Chooses agents by dialled number. ``agents`` are those of now, ``tools`` what they may name beside a call's own.

    ``transferring`` passes callers on; ``fallback_number`` is for agents that have none of their own; ``earlier`` holds
    conversations of calls that another process has left to us, by CallSid.
    """

    def __init__(
        self,
        agents: Callable[[], Agents],
        leases: ModelLeases,
        provider: Callable[[], Provider],
        *,
        tools: Mapping[str, Tool],
        transferring: Transferring,
        fallback_number: str | None,
        earlier: Histories,
        are_recorded: bool = False,
    ) -> None:
        self._agents = agents
        self._leases = leases
        self._provider = provider
        self._tools = tools
        self._transferring = transferring
        self._fallback_number = fallback_number
        self._earlier = earlier
        self._are_recorded = are_recorded
        self._expected: OrderedDict[str, Expected] = OrderedDict()
        self._screenings: OrderedDict[str, Screening] = OrderedDict()
        self._over: OrderedDict[str, bool] = OrderedDict()
        """Calls that are over by Twilio's word, whose streams may not have ended yet."""

    def expect(self, call_sid: str, expected: Expected) -> None:
        """Open the model's session of a call that was admitted, while its stream is on its way."""
        _remember(self._expected, call_sid, expected)
        if expected.screening is not None:
            _remember(self._screenings, call_sid, expected.screening)
        self._leases.open(call_sid, lambda: self._leg(call_sid, expected))

    def take(self, call_sid: str) -> Lease:
        """Give a call whose stream has started its session, open or not yet."""
        expected = self._expected.pop(call_sid, Expected(CallDetails()))
        return self._leases.take(call_sid, lambda: self._leg(call_sid, expected))

    async def release(self, leg: AgentLeg, ending: Ending) -> None:
        """Take back the agent of a media stream that has ended: for another stream, or for good."""
        leg.leave()
        if leg.call_sid in self._over or not ending.goes_on:
            await leg.client.disconnect()
        elif ending == TRANSFERRED:
            self._leases.park(leg, leg.transfer.seconds)
        else:
            self._leases.park(leg, ANOTHER_STREAM)

    def answered_by(self, call_sid: str, word: str) -> None:
        """Take Twilio's word on who answered an outbound call."""
        screening = self._screenings.get(call_sid)
        if screening is not None:
            screening.answered_by(word)

    def came_back(self, call_sid: str, why: str) -> None:
        """Take note that a caller could not be passed on, and so has come back to the agent."""
        leg = self._leases.waiting(call_sid)
        if leg is not None:
            leg.came_back = why

    def forget(self, call_sid: str) -> None:
        """Close what was opened for a call that is over; a stream that still goes on is its last."""
        _remember(self._over, call_sid, True)
        self._expected.pop(call_sid, None)
        self._screenings.pop(call_sid, None)
        self._leases.drop(call_sid)

    def histories(self) -> dict[str, list[dict[str, Any]]]:
        """Give the conversations of calls that have left their media stream, for the process after us."""
        return {leg.call_sid: leg.client.history() for leg in self._leases.parked()}

    def knows(self, agent: str) -> bool:
        """Whether there is an agent of that name."""
        return agent in self._agents().agents

    def limits_for(self, expected: Expected) -> LimitsTable:
        """Find the limits of the agent that would answer."""
        return _agent(self._agents(), expected).limits

    def fallback_for(self, number: str) -> str | None:
        """Find the phone for callers of a dialled number that cannot be answered."""
        _, agent = self._agents().agent_for(number)
        return agent.fallback_number or self._fallback_number

    def _leg(self, call_sid: str, expected: Expected) -> AgentLeg:
        agents, details = self._agents(), expected.details
        agent = _agent(agents, expected)
        if self._are_recorded:
            agent = agent.of_recorded_calls()
        config = agent.session_config(agent.instructions_for(details))
        if expected.screening is not None:
            config = silent(config)
        elif agent.greeting:
            config = uninterrupted(config)
        provider = agent.provider(self._provider()).for_call(call_sid)
        earlier = self._earlier.take(call_sid)
        leg = AgentLeg(
            RealtimeClient(provider, config, earlier=earlier),
            agent,
            call_sid,
            details,
            tools=self._tools,
            guards=_guards(agent, agents, provider),
            transferring=self._transferring,
            screening=expected.screening,
            placed_for=expected.agent,
        )
        leg.has_begun = leg.was_cut = bool(earlier)
        return leg


def _agent(agents: Agents, expected: Expected) -> AgentConfig:
    return agents.agents.get(expected.agent or "") or agents.agent_for(expected.details.to_number)[1]


def _guards(agent: AgentConfig, agents: Agents, provider: Provider) -> Guards:
    prices = agents.price_of(provider.model)
    if prices is None and agent.limits.max_cost is not None:
        _log.warning("max_cost is not watched: the model's prices are not known", model=provider.model)
    words_are_told = provider.default_transcription is not None
    return Guards(agent.limits, agent.phrases, prices, words_are_told=words_are_told)


def _remember(memory: OrderedDict[str, T], call_sid: str, value: T) -> None:
    """Keep the latest few."""
    memory[call_sid] = value
    if len(memory) > MAX_EXPECTED:
        memory.popitem(last=False)
