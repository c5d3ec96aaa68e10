"""The settings we want a session to have, and those that the server has agreed to. No I/O."""

from typing import Any

from gateway.realtime.session import SessionConfig, changed


class AgreedConfig:
    """Changes are wanted first; then they are `agreed`, or `undone` where the server refuses."""

    def __init__(self, config: SessionConfig) -> None:
        self._first = self._agreed = self.wanted = config

    def change(self, changes: dict[str, Any]) -> SessionConfig:
        """Want fields to be otherwise; return all that is wanted from now on.

        Raises:
            LocalProtocolError: there is no such field, or it cannot have that value.
        """
        self.wanted = changed(self.wanted, **changes)
        return self.wanted

    def agree(self) -> None:
        """Take note that a session is opened with everything that is wanted."""
        self._agreed = self.wanted

    def agreed(self, changes: dict[str, Any]) -> None:
        """Take note that the server has taken these changes over."""
        self._agreed = changed(self._agreed, **changes)

    def undo(self, changes: dict[str, Any], ours: SessionConfig) -> None:
        """Take refused changes back, but for fields that have been changed again since they were ``ours``."""
        undone = [name for name in changes if getattr(self.wanted, name) == getattr(ours, name)]
        self.wanted = changed(self.wanted, **{name: getattr(self._agreed, name) for name in undone})

    def reset(self) -> None:
        """Forget all changes."""
        self._agreed = self.wanted = self._first
