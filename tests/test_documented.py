import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gateway.agents_toml import parse_agents
from gateway.cli import app
from gateway.ending import ENDINGS
from gateway.local_realtime import LocalRealtimeServer
from gateway.local_realtime.personas.script import parse_script
from gateway.local_realtime.voice import RecordedVoice
from gateway.metrics import Metrics
from gateway.settings import Settings
from tests.gateways import run
from tests.local_realtime.sessions import spoken

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_every_setting_is_in_the_readme() -> None:
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in README] == []


def test_every_command_and_option_is_in_the_readme() -> None:
    group = typer.main.get_command(app)
    commands = group.commands  # type: ignore[attr-defined]

    missing = [name for name in commands if f"`gateway {name}" not in README]
    missing += [
        f"{name} {option}"
        for name, command in commands.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option != "--help" and f"`{option}" not in README
    ]

    assert missing == []


def test_every_metric_is_in_the_readme() -> None:
    names = [name.removesuffix("_created") for name in Metrics().registry._names_to_collectors]
    families = {metric.name for metric in Metrics().registry.collect()}
    families = {"process_" if family.startswith("process_") else family for family in families}

    assert names
    assert [family for family in families if f"`{family}" not in README] == []


def test_every_ending_is_in_the_readme_and_none_is_listed_twice() -> None:
    assert [str(ending) for ending in ENDINGS if f"`{ending.reason}`" not in README] == []
    assert len({(ending.by, ending.reason) for ending in ENDINGS}) == len(ENDINGS)


@pytest.mark.parametrize(
    ("beginning", "printed"),
    [
        ("from gateway.realtime import RealtimeClient, provider_named\n", r"^[5-9]\.\d+ seconds$"),
        ("from gateway.realtime import RealtimeClient, SessionConfig", r"^I received your text message\."),
    ],
)
def test_example_of_the_client_in_the_readme_runs_as_it_stands(
    beginning: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = [
        each for each in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if each.startswith(beginning)
    ]
    code = example.replace('provider_named("openai", api_key=api_key)', 'provider_named("local", url=url)')
    defined: dict[str, Any] = {}
    exec(f"async def use(url, pcm16):\n{textwrap.indent(code, '    ')}", defined)
    said = spoken(RecordedVoice(), RecordedVoice().texts["hello"])

    async def scenario() -> None:
        async with LocalRealtimeServer(first_delta_delay=0.3) as server:
            await defined["use"](server.url, said[:96_000] + bytes(48_000))

    run(scenario())

    assert re.search(printed, capsys.readouterr().out, re.MULTILINE)


def test_the_script_in_the_readme_is_one() -> None:
    (text,) = (each for each in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "[[turn]]" in each)
    script = parse_script(text)
    assert (len(script.turns), script.loops) == (3, True)


def test_the_agents_in_the_readme_can_be_read() -> None:
    (text,) = (each for each in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "[agents." in each)
    assert parse_agents(text.encode()).agent_for("+15001234567")[0] == "desk"
