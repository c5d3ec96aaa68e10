import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import LocalProtocolError, RemoteProtocolError
from gateway.twilio.messages import (
    Connected,
    Dtmf,
    MalformedMessage,
    Mark,
    Media,
    Start,
    Stop,
    StreamMessage,
    Unknown,
)
from gateway.twilio.stream import TRANSITIONS, MediaStreamProtocol, OutOfOrder, State, UnsupportedMedia

ACCOUNT_SID = "AC" + "0" * 32
CALL_SID = "CA" + "1" * 32
STREAM_SID = "MZ" + "2" * 32
OTHER_STREAM_SID = "MZ" + "3" * 32
AUDIO = b"\xff" * 160

CONNECTED = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})


def start(
    *, encoding: str = "audio/x-mulaw", sample_rate: int = 8000, channels: int = 1, number: int = 1
) -> str:
    return json.dumps(
        {
            "event": "start",
            "sequenceNumber": str(number),
            "streamSid": STREAM_SID,
            "start": {
                "streamSid": STREAM_SID,
                "accountSid": ACCOUNT_SID,
                "callSid": CALL_SID,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": encoding, "sampleRate": sample_rate, "channels": channels},
                "customParameters": {"token": "secret"},
            },
        }
    )


def media(number: int, *, stream_sid: str = STREAM_SID, track: str = "inbound") -> str:
    payload = base64.b64encode(AUDIO).decode()
    body = {"track": track, "chunk": str(number), "timestamp": "20", "payload": payload}
    return json.dumps(
        {"event": "media", "sequenceNumber": str(number), "streamSid": stream_sid, "media": body}
    )


def dtmf(number: int, *, stream_sid: str = STREAM_SID) -> str:
    body = {"track": "inbound_track", "digit": "5"}
    return json.dumps({"event": "dtmf", "sequenceNumber": str(number), "streamSid": stream_sid, "dtmf": body})


def mark(number: int, *, stream_sid: str = STREAM_SID) -> str:
    body = {"name": "m1"}
    return json.dumps({"event": "mark", "sequenceNumber": str(number), "streamSid": stream_sid, "mark": body})


def stop(number: int, *, stream_sid: str = STREAM_SID) -> str:
    body = {"accountSid": ACCOUNT_SID, "callSid": CALL_SID}
    return json.dumps({"event": "stop", "sequenceNumber": str(number), "streamSid": stream_sid, "stop": body})


def stream_in(state: State) -> MediaStreamProtocol:
    """A stream that has come as far as ``state`` in the ordinary way."""
    stream = MediaStreamProtocol()
    texts = {State.CONNECTING: 0, State.CONNECTED: 1, State.STREAMING: 2, State.STOPPED: 3}
    for text in [CONNECTED, start(), stop(2)][: texts[state]]:
        stream.receive_text(text)
    return stream


def test_a_stream_runs_from_connected_to_stop() -> None:
    stream = MediaStreamProtocol()

    kinds = [
        type(stream.receive_text(text)) for text in (CONNECTED, start(), media(2), dtmf(3), mark(4), stop(5))
    ]

    assert kinds == [Connected, Start, Media, Dtmf, Mark, Stop]
    assert stream.state is State.STOPPED
    assert stream.n_missing == 0


def test_each_message_moves_the_stream_as_the_table_says() -> None:
    stream = MediaStreamProtocol()
    states = [stream.state]

    for text in (CONNECTED, start(), media(2), stop(3)):
        stream.receive_text(text)
        states.append(stream.state)

    assert states == [State.CONNECTING, State.CONNECTED, State.STREAMING, State.STREAMING, State.STOPPED]


def test_start_tells_the_stream_who_it_is() -> None:
    stream = stream_in(State.CONNECTED)
    assert (stream.account_sid, stream.call_sid, stream.stream_sid) == ("", "", "")
    assert stream.custom_parameters == {}

    stream.receive_text(start())

    assert (stream.account_sid, stream.call_sid, stream.stream_sid) == (ACCOUNT_SID, CALL_SID, STREAM_SID)
    assert stream.custom_parameters == {"token": "secret"}


TEXTS: dict[type[StreamMessage], str] = {
    Connected: CONNECTED,
    Start: start(),
    Media: media(2),
    Dtmf: dtmf(2),
    Mark: mark(2),
    Stop: stop(2),
}
ILLEGAL = [
    (state, kind)
    for state in State
    for kind in TEXTS
    if state is not State.STOPPED and kind not in TRANSITIONS[state]
]


@pytest.mark.parametrize(("state", "kind"), ILLEGAL)
def test_a_message_that_may_not_come_now_is_out_of_order(state: State, kind: type[StreamMessage]) -> None:
    stream = stream_in(state)

    with pytest.raises(OutOfOrder, match=f"^{kind.__name__.lower()} while {state.value}$"):
        stream.receive_text(TEXTS[kind])
    assert stream.state is state


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State.CONNECTING, Start),
        (State.CONNECTED, Media),
        (State.CONNECTED, Mark),
        (State.CONNECTED, Dtmf),
        (State.CONNECTED, Stop),
        (State.STREAMING, Start),
        (State.STREAMING, Connected),
    ],
)
def test_the_orders_twilio_documents_are_demanded(state: State, kind: type[StreamMessage]) -> None:
    assert (state, kind) in ILLEGAL


def test_a_broken_and_an_early_message_can_be_told_apart() -> None:
    assert issubclass(MalformedMessage, RemoteProtocolError)
    assert issubclass(OutOfOrder, RemoteProtocolError)
    assert issubclass(UnsupportedMedia, RemoteProtocolError)
    assert not issubclass(OutOfOrder, MalformedMessage)
    assert not issubclass(UnsupportedMedia, MalformedMessage | OutOfOrder)


@pytest.mark.parametrize("state", State)
def test_a_broken_message_changes_nothing(state: State) -> None:
    stream = stream_in(state)

    for text in ("", "{}", "[" * 50_000, b"\xff", '{"event":"start"}', '{"event":"stop"}'):
        with pytest.raises(MalformedMessage):
            stream.receive_text(text)
    assert stream.state is state


@pytest.mark.parametrize("state", State)
def test_an_unknown_message_changes_nothing(state: State) -> None:
    stream = stream_in(state)

    assert stream.receive_text('{"event":"hold","sequenceNumber":"2"}') == Unknown("hold")
    assert stream.state is state


@pytest.mark.parametrize(
    "text", [CONNECTED, start(), media(3), media(3, stream_sid=OTHER_STREAM_SID), dtmf(3), mark(3), stop(3)]
)
def test_whatever_follows_a_stop_is_unknown(text: str) -> None:
    stream = stream_in(State.STOPPED)

    assert stream.receive_text(text) == Unknown(json.loads(text)["event"])
    assert stream.state is State.STOPPED


@pytest.mark.parametrize("text", [each(2, stream_sid=OTHER_STREAM_SID) for each in (media, dtmf, mark, stop)])
def test_a_message_of_another_stream_is_malformed(text: str) -> None:
    stream = stream_in(State.STREAMING)

    with pytest.raises(MalformedMessage, match="of another stream"):
        stream.receive_text(text)
    assert stream.state is State.STREAMING
    assert isinstance(stream.receive_text(media(2)), Media)


def test_audio_of_the_outbound_track_is_malformed_but_its_number_is_not_missing() -> None:
    stream = stream_in(State.STREAMING)

    with pytest.raises(MalformedMessage, match="outbound track"):
        stream.receive_text(media(2, track="outbound"))
    stream.receive_text(media(3))

    assert stream.n_missing == 0


@pytest.mark.parametrize(
    "text",
    [
        start(encoding="audio/L16"),
        start(encoding="AUDIO/X-MULAW"),
        start(encoding="\x1b[31m"),
        start(sample_rate=16_000),
        start(channels=2),
        start(channels=0),
    ],
)
def test_a_start_with_audio_we_cannot_decode_is_unsupported(text: str) -> None:
    stream = stream_in(State.CONNECTED)

    with pytest.raises(UnsupportedMedia) as caught:
        stream.receive_text(text)
    assert str(caught.value).isprintable()
    assert (stream.state, stream.stream_sid) == (State.CONNECTED, "")


@pytest.mark.parametrize(
    ("numbers", "n_missing"),
    [
        ([2, 3, 4], 0),
        ([2, 4], 1),
        ([5], 3),
        ([2, 2, 2, 3], 0),
        ([4, 2, 3, 5], 2),
        ([0, 1, 2], 0),
        ([2**32 - 1, 2, 2**32 - 1], 2**32 - 3),
    ],
)
def test_gaps_between_sequence_numbers_are_counted(numbers: list[int], n_missing: int) -> None:
    stream = stream_in(State.STREAMING)

    for number in numbers:
        stream.receive_text(media(number))

    assert stream.n_missing == n_missing


def test_the_first_sequence_number_is_the_start_messages() -> None:
    stream = stream_in(State.CONNECTED)

    stream.receive_text(start(number=7))
    stream.receive_text(media(8))

    assert stream.n_missing == 0


def test_a_message_skipped_as_malformed_counts_as_missing() -> None:
    stream = stream_in(State.STREAMING)

    with pytest.raises(MalformedMessage):
        stream.receive_text(media(2).replace("inbound", "sideways"))
    stream.receive_text(media(3))

    assert stream.n_missing == 1


def test_an_unknown_message_does_not_count_as_missing() -> None:
    stream = stream_in(State.STREAMING)

    stream.receive_text('{"event":"hold","sequenceNumber":"2"}')
    stream.receive_text(media(3))

    assert stream.n_missing == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 20), max_size=30))
def test_no_order_of_sequence_numbers_breaks_the_count(numbers: list[int]) -> None:
    stream = stream_in(State.STREAMING)
    counts = [0]

    for number in numbers:
        stream.receive_text(media(number))
        counts.append(stream.n_missing)

    assert counts == sorted(counts)
    assert counts[-1] < 2**32


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([*TEXTS.values(), "{}", '{"event":"hold"}', media(2, track="outbound")]), max_size=12
    )
)
def test_no_order_of_messages_raises_anything_but_a_remote_protocol_error(texts: list[str]) -> None:
    stream = MediaStreamProtocol()
    order = list(State)

    for text in texts:
        before = order.index(stream.state)
        try:
            stream.receive_text(text)
        except RemoteProtocolError:
            assert order.index(stream.state) == before
        assert order.index(stream.state) - before in {0, 1}


def test_the_stream_writes_messages_with_its_own_sid() -> None:
    stream = stream_in(State.STREAMING)

    assert json.loads(stream.media(AUDIO)) == {
        "event": "media",
        "streamSid": STREAM_SID,
        "media": {"payload": base64.b64encode(AUDIO).decode()},
    }
    assert json.loads(stream.mark("m1")) == {"event": "mark", "streamSid": STREAM_SID, "mark": {"name": "m1"}}
    assert json.loads(stream.clear()) == {"event": "clear", "streamSid": STREAM_SID}


@pytest.mark.parametrize("state", [State.CONNECTING, State.CONNECTED])
def test_writing_before_the_start_is_our_mistake(state: State) -> None:
    stream = stream_in(state)

    with pytest.raises(LocalProtocolError):
        stream.media(AUDIO)
    with pytest.raises(LocalProtocolError):
        stream.mark("m1")
    with pytest.raises(LocalProtocolError):
        stream.clear()


def test_printing_a_stream_does_not_show_its_token() -> None:
    assert "secret" not in repr(stream_in(State.STREAMING))
