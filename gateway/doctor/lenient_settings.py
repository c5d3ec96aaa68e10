"""Settings that have mistakes, read as far as they can be: what is wrong with one must not hide what is with others."""

from dataclasses import dataclass
from typing import Any

import pydantic
from pydantic_settings import SettingsConfigDict

from gateway.agents import Agents
from gateway.agents_file import read_agents
from gateway.doctor.check import Finding, failed, ok
from gateway.errors import SettingsError
from gateway.settings import Settings, load_settings

_STAND_INS = {"public_url": "https://unusable.invalid", "twilio_auth_token": "unusable"}
"""For settings without a default; whoever needs them looks at ``unusable`` first."""

_BECAUSE_OF = {
    "realtime_url": "realtime_provider",
    "realtime_model": "realtime_provider",
    "realtime_api_key": "realtime_provider",
    "twilio_api_key_secret": "twilio_api_key_sid",
    "twilio_edge": "twilio_region",
}
"""Settings that are required with another one."""


class _Lenient(Settings):
    """Takes unknown names of ``.env`` for what they are not worth."""

    model_config = SettingsConfigDict(extra="ignore")


@dataclass(frozen=True)
class ReadSettings:
    """The settings, and what is wrong with them."""

    settings: Settings
    mistakes: tuple[str, ...]
    """A line each."""
    unusable: frozenset[str]
    """Names, in capitals, of the settings that have stand-ins or their defaults in place of what was given."""
    agents: Agents | None = None
    """Those of the file that the settings name, if it can be read."""

    def finding(self) -> Finding:
        """What the check of the settings comes to."""
        if self.mistakes:
            return failed(
                "\n".join(self.mistakes), "Correct the environment, or .env; the README lists the settings."
            )
        if self.agents is None:
            return ok("all can be used; no AGENTS_FILE")
        n_agents, n_routes = len(self.agents.agents), len(self.agents.routes)
        return ok(f"all can be used; {n_agents} agents and {n_routes} routes in AGENTS_FILE")


def read_settings() -> ReadSettings:
    """Read the environment, ``.env`` and the file of agents; blocks on the disk."""
    try:
        settings = load_settings()
        mistakes, unusable = list[str](), set[str]()
    except SettingsError as exc:
        mistakes = str(exc).splitlines()
        settings, unusable = _read_around(mistakes)
    agents = None
    if settings.agents_file is not None:
        try:
            agents = read_agents(settings.agents_file)
        except SettingsError as exc:
            mistakes += str(exc).splitlines()
            unusable.add("AGENTS_FILE")
    return ReadSettings(settings, tuple(mistakes), frozenset(unusable), agents)


def _read_around(mistakes: list[str]) -> tuple[Settings, set[str]]:
    """Read the settings with something else in place of those that have mistakes, and name these."""
    files: dict[str, Any] = {"_env_file": None} if mistakes[0].startswith(".env:") else {}
    unusable: set[str] = set()
    while True:
        instead: dict[str, Any] = {name: _stand_in(name) for name in unusable}
        try:
            return _Lenient(**files, **instead), {name.upper() for name in unusable}
        except pydantic.ValidationError as exc:
            wrong = {str(error["loc"][0]) for error in exc.errors(include_input=False)}
            # What stays wrong at its default is so because of another setting.
            wrong |= {_BECAUSE_OF[name] for name in wrong & unusable if name in _BECAUSE_OF}
            if wrong <= unusable:
                raise
            unusable |= wrong


def _stand_in(name: str) -> object:
    return _STAND_INS.get(name, Settings.model_fields[name].default)
