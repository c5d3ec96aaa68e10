"""Does the model's provider take our key, our model and our session? One is opened, as for a call, and closed again.

Nothing is said in it, and only a session tells, of every provider alike, whether a call would get one.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlsplit

from gateway.agent_instructions import CallDetails
from gateway.agents import Agents
from gateway.doctor.check import Finding, failed, ok, together, warning
from gateway.doctor.model_dates import judged
from gateway.errors import GatewayError, RealtimeError
from gateway.realtime import Provider, RealtimeAPI, SessionConfig
from gateway.realtime.opening import SessionOpening

MAX_SESSIONS = 8
"""Opened, one for each agent that differs; what more agents want is not tried."""

_ADVICE = {
    "invalid_api_key": "Correct REALTIME_API_KEY (or OPENAI_API_KEY): the provider does not know it.",
    "forbidden": "The key may not open realtime sessions: look at its permissions, project and region.",
    "model_not_found": "Correct REALTIME_MODEL, or the agent's model: the provider has none of that name.",
    "insufficient_quota": "Look at the account's credit and limits at the provider.",
    "unreachable": "Is there a network here? Look at REALTIME_URL, and the firewall.",
    "timeout": "Look at REALTIME_URL and the firewall; or the provider has trouble.",
    "unavailable": "The provider has trouble, or too many requests of yours: try again.",
    "wrong_audio_format": "Correct AUDIO_FORMAT: callers would hear noise.",
    "redirect": "Correct REALTIME_URL: keys are not sent on to where it points.",
}


@dataclass(frozen=True)
class Wanted:
    """A session that calls would ask for."""

    agent: str
    """By name; empty where no file names any."""
    provider: Provider
    config: SessionConfig = field(repr=False)


def wanted_sessions(provider: Provider, agents: Agents | None) -> list[Wanted]:
    """List the sessions to try: each agent's, those once that do not differ in model and voice."""
    if agents is None:
        return [Wanted("", provider, SessionConfig())]
    wanted: dict[tuple[str, object], Wanted] = {}
    for name, agent in agents.agents.items():
        own = agent.provider(provider)
        config = agent.session_config(agent.instructions_for(CallDetails()))
        wanted.setdefault((own.model, config.voice), Wanted(name, own, config))
    return list(wanted.values())


def embedded() -> Finding:
    """Say that nobody was named to answer."""
    return warning(
        "nobody is named to answer: the embedded realtime server does, for a sample shop",
        "Set OPENAI_API_KEY, or REALTIME_PROVIDER and REALTIME_API_KEY.",
    )


async def check_model(provider: Provider, agents: Agents | None, today: date) -> Finding:
    """Open the sessions, all at once, and judge the models' names."""
    wanted = wanted_sessions(provider, agents)
    tried = wanted[:MAX_SESSIONS]
    named = {each.provider.model: judged(each.provider.model, today) for each in wanted if _is_openai(each)}
    findings = [finding for model, finding in named.items() if finding != ok(model)]
    findings += await asyncio.gather(*map(_opened, tried))
    if len(tried) < len(wanted):
        findings.append(ok(f"{len(wanted) - len(tried)} more sessions were not tried"))
    return together(findings)


def _is_openai(wanted: Wanted) -> bool:
    return wanted.provider.name == "openai"


async def _opened(wanted: Wanted) -> Finding:
    """Open one session and close it."""
    provider = wanted.provider
    who = f"{provider.name}, {urlsplit(provider.url).hostname}, {provider.model}"
    whose = f" (agent {wanted.agent})" if wanted.agent else ""
    try:
        opening = SessionOpening(RealtimeAPI(provider))
        await opening.run(provider.session(wanted.config), [])
        await opening.socket.close()
    except RealtimeError as exc:
        advice = _ADVICE.get(exc.code, "Look up the code in the provider's documentation.")
        return failed(f"{who}{whose}: {_line(str(exc))} ({_line(exc.code)})", advice)
    except GatewayError as exc:
        return failed(f"{who}{whose}: {_line(str(exc))}", "Correct the agent: the provider cannot do that.")
    return ok(f"{who}{whose}: a session was opened")


def _line(text: str) -> str:
    """What a peer may have written, as one short line."""
    return "".join(each if each.isprintable() else " " for each in text[:120])
