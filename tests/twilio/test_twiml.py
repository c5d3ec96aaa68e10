from xml.etree import ElementTree as ET

import pytest

from gateway.twilio import twiml

STREAM_URL = "wss://voice.example.com/twilio/media"
ACTION_URL = "https://voice.example.com/twilio/after"


def outline(document: str) -> list[tuple[str, dict[str, str], str | None]]:
    """Every element in document order: name, attributes, text."""
    return [(each.tag, dict(each.attrib), each.text) for each in ET.fromstring(document).iter()]


def test_an_answered_call_is_connected_to_our_stream() -> None:
    assert outline(twiml.connect_stream(STREAM_URL, "one-time", ACTION_URL)) == [
        ("Response", {}, None),
        ("Connect", {"action": ACTION_URL, "method": "POST"}, None),
        ("Stream", {"url": STREAM_URL}, None),
        ("Parameter", {"name": "token", "value": "one-time"}, None),
    ]


def test_a_busy_gateway_rejects_with_its_first_verb() -> None:
    assert outline(twiml.busy()) == [("Response", {}, None), ("Reject", {"reason": "busy"}, None)]


def test_a_caller_can_be_passed_on_to_another_phone() -> None:
    assert outline(twiml.dial("+15005550006")) == [
        ("Response", {}, None),
        ("Dial", {}, None),
        ("Number", {}, "+15005550006"),
    ]


def test_a_call_can_be_ended() -> None:
    assert outline(twiml.hang_up()) == [("Response", {}, None), ("Hangup", {}, None)]


@pytest.mark.parametrize(
    "text",
    [
        "</Parameter><Dial>+19005550000</Dial>",
        '"/></Stream><Dial>+19005550000</Dial><Stream url="',
        "]]><!--",
        "<!DOCTYPE x [<!ENTITY e 'x'>]>&e;",
        "&amp;&lt;",
        "\u00e9\u202e",
    ],
)
def test_no_value_becomes_markup(text: str) -> None:
    connect = outline(twiml.connect_stream(text, text, text))

    assert [tag for tag, _, _ in connect] == ["Response", "Connect", "Stream", "Parameter"]
    assert [connect[1][1]["action"], connect[2][1]["url"], connect[3][1]["value"]] == [text, text, text]
    assert outline(twiml.dial(text))[1:] == [("Dial", {}, None), ("Number", {}, text)]


@pytest.mark.parametrize(
    "document",
    [
        twiml.connect_stream(STREAM_URL, "t", ACTION_URL),
        twiml.busy(),
        twiml.dial("+15005550006"),
        twiml.hang_up(),
    ],
)
def test_every_document_starts_with_its_declaration(document: str) -> None:
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?><Response>')
