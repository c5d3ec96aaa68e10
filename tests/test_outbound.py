import pytest

from gateway.outbound import dial_order, is_allowed, is_number
from gateway.twilio.call_order import CallOrder


@pytest.mark.parametrize(
    ("patterns", "is_fine"),
    [
        ((), False),
        (("+15005550006",), True),
        (("+15005550007", "+1500555*"), True),
        (("+15005550006*",), True),
        (("+*",), True),
        (("+1500555000",), False),
        (("+150055500066*",), False),
        (("+49*",), False),
    ],
)
def test_a_number_may_be_called_if_it_or_its_beginning_is_in_the_list(
    patterns: tuple[str, ...], is_fine: bool
) -> None:
    assert is_allowed("+15005550006", patterns) is is_fine


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "15005550006",
        "+05005550006",
        "+1500",
        "+1500555000600000",
        "+1500555000\n",
        "+1500 5550006",
        "+1500555\u0661\u0662\u0663",
        "sip:a@b",
    ],
)
def test_what_is_no_number_is_never_allowed(text: str) -> None:
    assert not is_number(text)
    assert not is_allowed(text, ("+*", text, "*"))


def test_an_order_names_the_agent_and_has_progress_and_machines_told() -> None:
    order = dial_order(
        "+15005550006",
        "a&b=/c",
        public_url="https://voice.example.com",
        from_number="+15005550001",
        ring_timeout=20,
        time_limit=60,
    )

    assert order == CallOrder(
        to="+15005550006",
        from_="+15005550001",
        url="https://voice.example.com/twilio/outbound?agent=a%26b%3D%2Fc",
        status_callback="https://voice.example.com/twilio/status",
        machine_detection="DetectMessageEnd",
        async_amd_status_callback="https://voice.example.com/twilio/answered-by",
        timeout=20,
        time_limit=60,
    )


def test_an_order_does_not_show_whose_numbers_it_has() -> None:
    order = dial_order(
        "+15005550006", "desk", public_url="https://voice.example.com", from_number="+15005550001"
    )

    assert "1500555" not in repr(order)
    assert order.timeout == 45
