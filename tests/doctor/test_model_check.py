from datetime import date
from typing import Any

import pytest

from gateway.agents import Agents
from gateway.agents_toml import parse_agents
from gateway.doctor.check import Finding
from gateway.doctor.model_check import MAX_SESSIONS, check_model, wanted_sessions
from gateway.local_realtime import LocalRealtimeServer
from gateway.realtime import provider_named
from tests.doctor.places import MODEL_KEY
from tests.gateways import run

TODAY = date(2026, 11, 22)


def checked(
    name: str = "openai",
    *,
    query: str = "",
    key: str = MODEL_KEY,
    agents: Agents | None = None,
    **options: Any,
) -> Finding:
    """Try a provider that the embedded server plays."""

    async def scenario() -> Finding:
        async with LocalRealtimeServer(api_key=MODEL_KEY) as server:
            provider = provider_named(name, url=server.url + query, api_key=key, **options)
            return await check_model(provider, agents, TODAY)

    return run(scenario())


def test_a_session_is_opened_with_the_key_and_the_model() -> None:
    finding = checked()

    assert finding.outcome == "ok"
    assert "gpt-realtime-2.1: a session was opened" in finding.what
    assert MODEL_KEY not in repr(finding)


def test_a_wrong_key_is_named_and_not_shown() -> None:
    finding = checked(key="canary-wrong-key")

    assert finding.outcome == "failed"
    assert "(invalid_api_key)" in finding.what
    assert "OPENAI_API_KEY" in finding.advice
    assert "canary" not in repr(finding)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (404, "REALTIME_MODEL"),
        (403, "permissions"),
        (429, "try again"),
        (503, "try again"),
    ],
)
def test_a_refused_handshake_comes_with_advice(status: int, advice: str) -> None:
    finding = checked(query=f"?fault_refuse={status}")

    assert finding.outcome == "failed"
    assert str(status) in finding.what
    assert advice in finding.advice


def test_a_model_near_its_end_is_a_warning_though_it_answers() -> None:
    finding = checked(model="gpt-realtime")

    assert (finding.outcome, "2027-01-20" in finding.what) == ("warning", True)


def test_the_end_of_openais_models_is_nothing_to_other_providers() -> None:
    finding = checked("local", model="gpt-realtime")

    assert finding.outcome == "ok"
    assert "2027" not in finding.what


def test_nobody_at_the_address_fails_with_the_name_of_the_host() -> None:
    provider = provider_named("openai", url="ws://127.0.0.1:1/v1/realtime?key=canary", api_key=MODEL_KEY)
    finding = run(check_model(provider, None, TODAY))

    assert finding.outcome == "failed"
    assert "127.0.0.1" in finding.what
    assert "(unreachable)" in finding.what
    assert "canary" not in repr(finding)


def agents_with_voices(*voices: str) -> Agents:
    tables = [f'[agents.{voice}]\ninstructions = "Help {{caller}}."\nvoice = "{voice}"\n' for voice in voices]
    return parse_agents("".join([*tables, '[agents.default]\ninstructions = "Sell."\n']).encode())


def test_every_agent_that_differs_is_tried_once() -> None:
    agents = parse_agents(
        b'[agents.default]\ninstructions = "a"\n[agents.same]\ninstructions = "b"\n'
        b'[agents.old]\ninstructions = "c"\nmodel = "gpt-realtime-mini"\n'
    )
    wanted = wanted_sessions(provider_named("openai"), agents)
    finding = checked(agents=agents)

    assert [(each.agent, each.provider.model) for each in wanted] == [
        ("default", "gpt-realtime-2.1"),
        ("old", "gpt-realtime-mini"),
    ]
    assert finding.outcome == "warning"
    assert "(agent old): a session was opened" in finding.what


def test_of_very_many_agents_some_are_not_tried_and_that_is_said() -> None:
    finding = checked(agents=agents_with_voices(*(f"v{n}" for n in range(MAX_SESSIONS + 2))))

    assert finding.what.count("a session was opened") == MAX_SESSIONS
    assert "3 more sessions were not tried" in finding.what
