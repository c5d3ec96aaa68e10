"""The model passes the caller on to a person: to numbers that the agent may transfer to, and no others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from gateway.agent_limits import TransferTarget
from gateway.errors import ToolError
from gateway.tools import Tool

TOOL_MARGIN = 120.0
"""Seconds beyond its ringing that a transfer takes at most: the announcement, Twilio's answers, the person's decision."""
MAX_SUMMARY = 1000
"""Characters that the person is told of the call before they take it."""
NOT_HEARD = "Nothing was transferred: the caller spoke over the announcement, or could not hear it. Listen to them first."
NOT_ANNOUNCED = "Nothing was transferred yet. Tell the caller first whom you are connecting them to, then call this again."


@dataclass(frozen=True)
class TransferOrder:
    """Whom the caller shall speak to."""

    call_sid: str
    target: TransferTarget
    our_number: str = field(repr=False)
    """The number that was dialled; who is called sees it where the target names no other."""
    caller_number: str = field(repr=False)
    summary: str = field(repr=False)
    agent: str | None = None
    """The agent of a call that we placed, by name."""
    leaving: Callable[[float], None] = field(default=lambda _: None, repr=False, compare=False)
    """Told as soon as the caller's media stream may end for it, with the seconds in which they may come back."""


class Transferring(Protocol):
    """What passes callers on."""

    async def begin(self, order: TransferOrder) -> str | None:
        """Begin it. None: the caller's media stream ends now, or will; else why the caller stays where they are."""


class Transfer:
    """What ``transfer_call`` of one agent's comes to.

    ``announced`` says, once for each announcement, whether the agent has said something since the caller last spoke;
    ``are_heard`` waits until that was heard.
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
        self._is_leaving = False
        self.seconds = 0.0
        """How long a caller who was passed on may take to come back."""

    @property
    def is_under_way(self) -> bool:
        """Whether the caller's media stream may end because they are being passed on."""
        return self._is_leaving

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
        longest = max((target.ring_seconds for target in self._targets.values()), default=0)
        return Tool.from_function(self.transfer_call, description=description, timeout=longest + TOOL_MARGIN)

    def failed(self, why: str) -> bool:
        """Take note that the caller is back because the person could not be reached; whether the model learns of it."""
        if self._outcome is None or self._outcome.done():
            return False
        self._outcome.set_result(why)
        return True

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
            self._is_leaving = False

    async def _transferred(self, target: TransferTarget, summary: str) -> str:
        if not await self._are_heard():
            raise ToolError(NOT_HEARD)
        order = replace(self._order(target, summary), leaving=self._leave)
        why = await self._transferring.begin(order)
        if why is None and self._outcome is not None:
            why = await self._outcome
        raise ToolError(f"{target.name} could not be reached: {why}. The caller is on the line with you.")

    def _leave(self, seconds: float) -> None:
        self._is_leaving = True
        self.seconds = seconds
