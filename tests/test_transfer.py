import asyncio
from collections.abc import Callable

import pytest

from gateway.agent_limits import TransferTarget
from gateway.errors import ToolError
from gateway.transfer import MAX_SUMMARY, Transfer, TransferOrder

TARGETS = (
    TransferTarget(number="+15005550009", name="Accounts", description="Invoices."),
    TransferTarget(number="+15005550010", name="accounting", ring_seconds=40),
)


class Switchboard:
    """Takes orders; ``answer`` is what becomes of the next one."""

    def __init__(self, answer: str | None = None, *, leaves: bool = True) -> None:
        self.answer = answer
        self.leaves = leaves
        self.orders: list[TransferOrder] = []
        self.has_begun = asyncio.Event()

    async def begin(self, order: TransferOrder) -> str | None:
        """Take an order."""
        self.orders.append(order)
        if self.leaves:
            order.leaving(55.0)
        self.has_begun.set()
        return self.answer


def new_transfer(
    switchboard: Switchboard,
    *,
    announced: Callable[[], bool] = lambda: True,
    is_heard: bool = True,
) -> Transfer:
    async def are_heard() -> bool:
        return is_heard

    def order(target: TransferTarget, summary: str) -> TransferOrder:
        return TransferOrder("CA1", target, "+15005550006", "+15005550001", summary)

    return Transfer(TARGETS, switchboard, announced=announced, are_heard=are_heard, order=order)


def failure(transfer: Transfer, to: str, summary: str = "") -> str:
    with pytest.raises(ToolError) as raised:
        asyncio.run(transfer.transfer_call(to, summary))
    return str(raised.value)


def test_the_tool_names_people_and_has_time_for_the_longest_ringing() -> None:
    tool = new_transfer(Switchboard()).tool()

    assert tool.name == "transfer_call"
    assert tool.timeout > 100
    assert "Accounts (Invoices.); accounting." in tool.definition["description"]
    assert set(tool.definition["parameters"]["properties"]) == {"to", "summary"}
    assert tool.definition["parameters"]["required"] == ["to"]


def test_a_caller_who_is_back_is_told_of_and_another_transfer_may_follow() -> None:
    switchboard = Switchboard()
    transfer = new_transfer(switchboard)

    async def scenario() -> None:
        for why in ("the line is busy", "nobody answered"):
            calling = asyncio.create_task(transfer.transfer_call(" ACCOUNTS "))
            await switchboard.has_begun.wait()
            switchboard.has_begun.clear()
            assert transfer.is_under_way
            assert transfer.seconds == 55.0
            assert transfer.failed(why)
            with pytest.raises(
                ToolError, match=f"Accounts could not be reached: {why}. The caller is on the line"
            ):
                await calling
            assert not transfer.is_under_way

    asyncio.run(scenario())
    assert [order.target.number for order in switchboard.orders] == 2 * ["+15005550009"]


def test_nothing_that_fails_later_is_taken_for_a_transfer() -> None:
    transfer = new_transfer(Switchboard())
    assert not transfer.failed("the line is busy")
    assert not transfer.is_under_way


def test_while_a_person_is_asked_the_caller_is_not_leaving() -> None:
    async def scenario() -> None:
        asked, may_answer = asyncio.Event(), asyncio.Event()

        class Slow(Switchboard):
            async def begin(self, order: TransferOrder) -> str | None:
                asked.set()
                await may_answer.wait()
                return await super().begin(order)

        transfer = new_transfer(Slow("nobody answered", leaves=False))
        calling = asyncio.create_task(transfer.transfer_call("Accounts"))
        await asked.wait()
        assert not transfer.is_under_way
        may_answer.set()
        with pytest.raises(ToolError, match="nobody answered"):
            await calling

    asyncio.run(scenario())


def test_an_order_is_given_only_for_somebody_known_announced_and_heard() -> None:
    switchboard = Switchboard()

    assert "Nobody of that name" in failure(new_transfer(switchboard), "+15005550009")
    assert "Tell the caller first" in failure(new_transfer(switchboard, announced=lambda: False), "Accounts")
    assert "spoke over the announcement" in failure(new_transfer(switchboard, is_heard=False), "Accounts")
    assert switchboard.orders == []


def test_a_summary_is_cut_and_shown_nowhere() -> None:
    switchboard = Switchboard("nobody answered", leaves=False)

    failure(new_transfer(switchboard), "accounting", "canary" * 1000)

    (order,) = switchboard.orders
    assert len(order.summary) == MAX_SUMMARY
    assert "canary" not in repr(order)
    assert "+15005550001" not in repr(order)
