from xml.etree import ElementTree as ET

import pytest

from gateway.twilio import twiml

STREAM_URL = "wss://voice.example.com/twilio/media"
ACTION_URL = "https://voice.example.com/twilio/after"
STATUS_URL = "https://voice.example.com/twilio/stream-status"


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


def test_a_phone_can_ring_for_so_long_show_a_number_and_have_its_outcome_told() -> None:
    document = twiml.dial("+15005550006", action_url=ACTION_URL, timeout=20, caller_id="+15005550001")

    assert outline(document)[1] == (
        "Dial",
        {"action": ACTION_URL, "method": "POST", "timeout": "20", "callerId": "+15005550001"},
        None,
    )


def test_who_joins_the_room_opens_it() -> None:
    assert outline(twiml.join_conference("room-CA1")) == [
        ("Response", {}, None),
        ("Dial", {}, None),
        (
            "Conference",
            {"startConferenceOnEnter": "true", "endConferenceOnExit": "true", "beep": "false"},
            "room-CA1",
        ),
    ]


def test_a_whisper_waits_for_one_key_and_without_it_ends_the_call() -> None:
    assert outline(twiml.whisper("Mrs Jones about order 4712.", ACTION_URL)) == [
        ("Response", {}, None),
        (
            "Gather",
            {
                "action": ACTION_URL,
                "method": "POST",
                "input": "dtmf",
                "numDigits": "1",
                "timeout": "8",
                "actionOnEmptyResult": "false",
            },
            None,
        ),
        ("Say", {}, "Mrs Jones about order 4712."),
        ("Hangup", {}, None),
    ]


@pytest.mark.parametrize("text", ["", " \n", "\0\ud800"])
def test_a_whisper_without_words_says_nothing(text: str) -> None:
    assert [tag for tag, _, _ in outline(twiml.whisper(text, ACTION_URL))] == ["Response", "Gather", "Hangup"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * 5000, "x" * 4096),
        ("a\0b\x1bc\ud800d\uffffe", "abcde"),
        ("\u0646\u200c\u0645 \U0001f600", "\u0646\u200c\u0645 \U0001f600"),
        ("</Say><Dial>+19005550000</Dial>", "</Say><Dial>+19005550000</Dial>"),
    ],
)
def test_a_whisper_says_what_xml_can_hold_and_no_more_than_twilio_takes(text: str, said: str) -> None:
    document = twiml.whisper(text, ACTION_URL)

    assert outline(document)[2] == ("Say", {}, said)
    assert document.encode()


def test_a_call_can_be_sent_to_another_address_after_a_silence() -> None:
    assert outline(twiml.redirect(ACTION_URL, 3)) == [
        ("Response", {}, None),
        ("Pause", {"length": "3"}, None),
        ("Redirect", {"method": "POST"}, ACTION_URL),
    ]
    assert [tag for tag, _, _ in outline(twiml.redirect(ACTION_URL))] == ["Response", "Redirect"]


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
        twiml.join_conference("room"),
        twiml.whisper("Hello.", ACTION_URL),
        twiml.redirect(ACTION_URL, 1),
    ],
)
def test_every_document_starts_with_its_declaration(document: str) -> None:
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?><Response>')
