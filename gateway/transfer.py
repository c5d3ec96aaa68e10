"""The model passes the caller on to a person: to numbers that the agent may transfer to, and no others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.agent_limits import TransferTarget
from gateway.errors import ToolError
from gateway.tools import Tool

MARGIN = 30.0
"""Seconds beyond its ringing that a transfer takes at most, announcement included."""
MAX_SUMMARY = 1000
"""Characters that the person is told of the call before they take it."""
NOT_HEARD = "Nothing was transferred: the caller spoke over the announcement. Listen to them first."
NOT_ANNOUNCED = "Nothing was transferred yet. Tell the caller first whom you are connecting them to, then call this again."


@dataclass(frozen=True)
class TransferOrder:
    """Whom the caller shall speak to."""

    call_sid: str
    target: TransferTarget
    our_number: str
    """The number that was dialled; who is called sees it where the target names no other."""
    caller_number: str
    summary: str


class Transferring(Protocol):
    """What passes callers on."""

    async def begin(self, order: TransferOrder) -> str | None:
        """Begin it. None: the caller's media stream ends now, or will; else why the caller stays where they are."""


class Transfer:
    """What ``transfer_call`` of one agent's comes to.

    ``announced`` says whether the agent has said something since the caller last spoke, and ``are_heard`` waits until
    that was heard.
    """

    def __init__(
        self,
        targets: Sequence[TransferTarget],
        transferring: Transferring,
        *,
        announced: Callable[[], bool],
        are_heard: Callable[[], Awaitable[bool]],
        order: Callable[[TransferTarget, str], TransferOrder],
    ) -> None:
        self._targets = {target.name: target for target in targets}
        self._transferring = transferring
        self._announced = announced
        self._are_heard = are_heard
        self._order = order
        self._outcome: asyncio.Future[str] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether the caller's media stream may end because they are being passed on."""
        return self._outcome is not None

    @property
    def seconds(self) -> float:
        """How long one transfer may take."""
        return MARGIN + max((target.ring_seconds for target in self._targets.values()), default=0.0)

    def tool(self) -> Tool:
        """The tool by which the model transfers the call."""
        names = "; ".join(
            f"{target.name} ({target.description})" if target.description else target.name
            for target in self._targets.values()
        )
        description = (
            "Connect the caller to a person. Say first whom you are connecting them to. "
            f"The people you can connect to: {names}."
        )
        return Tool.from_function(self.transfer_call, description=description, timeout=self.seconds + MARGIN)

    def failed(self, why: str) -> None:
        """Take note that the caller is back, or was never gone: the person could not be reached."""
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(why)

    async def transfer_call(self, to: str, summary: str = "") -> str:
        """Connect the caller to a person.

        Args:
            to: Whom, by the name in the description.
            summary: One or two sentences for that person: who is calling, about what.
        """
        target = self._targets.get(to) or next(
            (each for each in self._targets.values() if each.name.casefold() == to.strip().casefold()), None
        )
        if target is None:
            raise ToolError(f"Nobody of that name. You can transfer to: {', '.join(self._targets)}.")
        if self._outcome is not None:
            raise ToolError("A transfer is under way already.")
        if not self._announced():
            raise ToolError(NOT_ANNOUNCED)
        self._outcome = asyncio.get_running_loop().create_future()
        try:
            return await self._transferred(target, summary[:MAX_SUMMARY])
        finally:
            self._outcome = None

    async def _transferred(self, target: TransferTarget, summary: str) -> str:
        if not await self._are_heard():
            raise ToolError(NOT_HEARD)
        why = await self._transferring.begin(self._order(target, summary))
        if why is None and self._outcome is not None:
            why = await self._outcome
        raise ToolError(f"{target.name} could not be reached: {why}. The caller is on the line with you.")
