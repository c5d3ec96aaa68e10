import asyncio

import pytest

from gateway.sample_orders import order_status


@pytest.mark.parametrize("number", ["4712", "4 7 1 2", "order 4712", "4-7-1-2."])
def test_an_order_is_found_however_its_number_is_written(number: str) -> None:
    order = asyncio.run(order_status(number))
    assert order["order_number"] == "4712"
    assert order["status"] == "shipped"


@pytest.mark.parametrize("number", ["", "47120", "0" * 10_000])
def test_another_number_is_no_order(number: str) -> None:
    assert "there is no order" in asyncio.run(order_status(number))["error"]
    assert len(asyncio.run(order_status(number))["error"]) < 100
