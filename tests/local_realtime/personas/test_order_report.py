import json
from typing import Any

import pytest

from gateway.local_realtime.personas.order_report import MAX_SPOKEN, OrderReport, read_report

NUMBERED = {"order_number": "4712"}


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (
            {**NUMBERED, "status": "shipped", "carrier": "DHL", "arrives": "2026-11-26"},
            "Order 4 7 1 2 has been shipped with DHL and should arrive on Thursday, November 26.",
        ),
        ({**NUMBERED, "status": "shipped", "eta": "Friday"}, "Order 4 7 1 2 has been shipped and should arrive on Friday."),
        ({"status": "in_transit", "expected": "tomorrow"}, "Your order is on its way and should arrive tomorrow."),
        ({"id": 12345, "state": "Delivered", "carrier": "UPS", "arrives": "yesterday"}, "Order 1 2 3 4 5 was delivered by UPS yesterday."),
        ({**NUMBERED, "status": "cancelled", "carrier": "DHL", "arrives": "Friday"}, "Order 4 7 1 2 has been cancelled."),
        ({**NUMBERED, "status": "on hold"}, "Order 4 7 1 2 is on hold."),
        ({**NUMBERED, "status": "being packed"}, "Order 4 7 1 2 is being packed."),
        ({**NUMBERED, "status": "lost"}, "Order 4 7 1 2 has the status lost."),
        ({"status": "ok", "order": {"state": "shipped"}}, "Your order has been shipped."),
        ({"ok": True}, ""),
        ({"orderNumber": "AB7", "status": "new"}, "Order AB7 has been received."),
        ({**NUMBERED, "status": "packed", "items": ["a lamp"]}, "Order 4 7 1 2 is packed. It has a lamp."),
        (
            {"order": {"status": "packed", "items": [{"name": "lamp", "quantity": 2}, {"title": "rug"}, "a chair"]}},
            "Your order is packed. It has 2 times lamp, rug and a chair.",
        ),
        ({"status": "packed", "items": 1}, "Your order is packed. It has 1 item."),
        ({"status": "packed", "items": "three books"}, "Your order is packed. It has three books."),
        ({"status": "ready", "total": 49.5, "currency": "euros"}, "Your order is ready. The total is 49.5 euros."),
        ({"data": [{"status": "ready"}]}, "Your order is ready."),
        ([{"status": "ready"}], "Your order is ready."),
        ({"temperature": 15, "is_sunny": True, "hours": [1, 2], "more": {}}, "Temperature: 15; is sunny: yes; hours: 1, 2."),
        (15, "15."),
        ("shipped yesterday", "Shipped yesterday."),
        ("tracking number 123456789", "Tracking number 1 2 3 4 5 6 7 8 9."),
    ],
)  # fmt: skip
def test_an_output_is_told_in_words(output: Any, text: str) -> None:
    assert read_report(json.dumps(output)) == OrderReport(text)


@pytest.mark.parametrize(
    "output",
    [
        '{"error": "There is no order 9999."}',
        '{"error": {}, "found": false}',
        '{"found": false}',
        '{"exists": false, "message": "?"}',
        '{"status": "not found"}',
        "Order not found",
        "No such order.",
        '{"status": 404}',
        "{}",
        "null",
        "[]",
    ],
)
def test_a_missing_order_is_told_from_a_failure(output: str) -> None:
    report = read_report(output)
    assert (report.is_missing, report.is_failed) == (True, False)


@pytest.mark.parametrize(
    "output",
    [
        '{"error": "The tool failed."}',
        '{"success": false}',
        '{"error": ["a", 1]}',
        '{"error": "unknown error"}',
        '{"error": "no such table: orders"}',
        '{"error": "Could not find tool"}',
        '{"status": "error", "message": "not found: host"}',
        '{"status": 503}',
        "<html>not found</html>",
    ],
)
def test_a_failure_is_told_from_a_missing_order(output: str) -> None:
    report = read_report(output)
    assert (report.is_missing, report.is_failed) == (False, True)


def test_words_that_do_not_end_are_cut() -> None:
    assert len(read_report("word " * 50_000).text) <= MAX_SPOKEN + 1
    assert len(read_report("x" * 50_000).text) <= MAX_SPOKEN + 1
    assert read_report("[" * 60_000).text != ""
