import pytest

from gateway.local_realtime.personas import tool_roles
from gateway.local_realtime.personas.words import words_of
from gateway.local_realtime.tools import OfferedTool
from tests.local_realtime.personas.phone import HANG_UP, LOOKUP, TRANSFER


def tool(name: str, description: str = "", *properties: str) -> OfferedTool:
    return OfferedTool(name, description, {"properties": {each: {"type": "string"} for each in properties}})


@pytest.mark.parametrize(
    "lookup",
    [
        LOOKUP,
        tool("getOrderStatus"),
        tool("track_package"),
        tool("lookup_order"),
        tool("orders"),
        tool("lookup", "Finds the status of an order."),
        tool("query_db", "Look up an order in the shop."),
    ],
)
def test_the_order_lookup_is_found_among_others(lookup: OfferedTool) -> None:
    others = (tool("cancel_order", "Cancels an order."), HANG_UP, tool("get_weather"), TRANSFER)
    assert tool_roles.order_lookup((*others, lookup)) is lookup
    assert tool_roles.order_lookup(others) is None


def test_of_two_lookups_the_better_named_is_taken() -> None:
    assert tool_roles.order_lookup((tool("order_history"), LOOKUP)) is LOOKUP
    assert tool_roles.order_lookup((LOOKUP, tool("order_status_2"))) is LOOKUP


@pytest.mark.parametrize(
    "transfer",
    [
        TRANSFER,
        tool("transfer_call"),
        tool("handoff"),
        tool("hand_off_to_sales"),
        tool("talk_to_human"),
        tool("escalate"),
        tool("callOperator"),
        tool("bye_bot", "Transfers the caller to a person."),
    ],
)
def test_the_transfer_is_found_among_others(transfer: OfferedTool) -> None:
    others = (tool("transfer_money"), HANG_UP, LOOKUP)
    assert tool_roles.transfer((*others, transfer)) is transfer
    assert tool_roles.transfer(others) is None


@pytest.mark.parametrize(
    "hang_up",
    [
        HANG_UP,
        tool("hangup"),
        tool("end_call"),
        tool("endCall"),
        tool("disconnect"),
        tool("finish", "Hangs up."),
    ],
)
def test_the_hang_up_is_found_among_others(hang_up: OfferedTool) -> None:
    others = (LOOKUP, TRANSFER, tool("end_subscription"))
    assert tool_roles.hang_up((*others, hang_up)) is hang_up
    assert tool_roles.hang_up(others) is None


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        (("order_number",), "order_number"),
        (("verbose", "orderId"), "orderId"),
        (("customer_id", "order_no"), "order_no"),
        (("query",), "query"),
        ((), None),
    ],
)
def test_the_argument_for_the_number_is_found(properties: tuple[str, ...], found: str | None) -> None:
    assert tool_roles.number_property(tool("order_status", "", *properties)) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("What's the weather in Paris?", "get_weather"),
        ("Cancel order 4712 please", "cancel_order"),
        ("my order", None),
        ("book a table", "bookTable"),
        ("a table", None),
        ("find me a table for dinner in the restaurant", "bookTable"),
    ],
)
def test_a_tool_is_asked_for_by_its_words(said: str, found: str | None) -> None:
    tools = (
        tool("get_weather"),
        tool("cancel_order"),
        tool("bookTable", "Books a table in a restaurant for dinner."),
    )
    asked = tool_roles.asked_for(tools, words_of(said))
    assert (asked.name if asked else None) == found
