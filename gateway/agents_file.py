"""The file of agents on disk: read at the start, and again when it changes."""

from collections.abc import Collection
from pathlib import Path

import structlog

from gateway.agents import Agents
from gateway.agents_toml import BUILT_IN_TOOLS, MAX_BYTES, parse_agents
from gateway.errors import GatewayError, SettingsError

_Version = tuple[int, int, int, int]
_log = structlog.get_logger()


def read_agents(path: Path, *, tools: Collection[str] = BUILT_IN_TOOLS) -> Agents:
    """Read a file of agents; blocks on the disk.

    Raises:
        SettingsError: it cannot be read or has mistakes, one line for each.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise SettingsError(f"{path}: cannot be read: {reason}") from None
    return parse_agents(data, name=str(path), tools=tools)


class AgentsFile:
    """The agents of a file that may change while calls run: a broken or missing one leaves the last good ones.

    ``load`` comes first. ``current`` may be asked from any thread; ``refresh`` by one at a time.
    """

    def __init__(self, path: Path, *, tools: Collection[str] = BUILT_IN_TOOLS) -> None:
        self._path = path
        self._tools = tools
        self._agents: Agents | None = None
        self._version: _Version | None = None

    def load(self) -> Agents:
        """Read the file for the first time; blocks on the disk.

        Raises:
            SettingsError: it cannot be read or has mistakes, one line for each.
        """
        version = self._version_on_disk()
        self._agents = read_agents(self._path, tools=self._tools)
        self._version = version
        return self._agents

    def current(self) -> Agents:
        """Return the agents read last, without a look at the file."""
        if self._agents is None:
            raise GatewayError(f"{self._path}: has not been loaded")
        return self._agents

    def refresh(self) -> bool:
        """Read the file again if it is another one than last time, and say whether it was taken over.

        Blocks on the disk. What is wrong with a file is logged once, not raised.
        """
        version = self._version_on_disk()
        if version == self._version:
            return False
        self._version = version  # from before the reading: what is written meanwhile is seen next time
        try:
            agents = read_agents(self._path, tools=self._tools)
        except SettingsError as exc:
            mistakes = str(exc).splitlines()
            _log.warning(
                "agents file not taken over: the earlier agents stay",
                mistakes="; ".join(mistakes),
                n_mistakes=len(mistakes),
            )
            return False
        self._agents = agents
        _log.info(
            "agents file taken over",
            path=str(self._path),
            agents=len(agents.agents),
            routes=len(agents.routes),
        )
        return True

    def _version_on_disk(self) -> _Version | None:
        """What changes when the file does; the time of its attributes too, as it may become readable."""
        try:
            stat = self._path.stat()
        except (OSError, ValueError):
            return None
        return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino
