"""The short way for text frames, held against the websockets library's own reading and writing."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import SERVER, Protocol

from gateway.text_frames import FrameSplitter, Masks, masked_text_frame

MASK = b"\x01\x80\xfe\x7f"


def frame(opcode: Opcode, payload: bytes, *, fin: bool = True) -> bytes:
    """A client's frame, written by the library."""
    return Frame(opcode, payload, fin).serialize(mask=True)


def read_by_library(data: bytes) -> list[Frame]:
    server = Protocol(SERVER, max_size=2**16)
    server.receive_data(data)
    return [event for event in server.events_received() if isinstance(event, Frame)]


def messages(frames: Iterable[Frame]) -> list[tuple[Opcode, bytes]]:
    """Whole messages and control frames, in the order in which they became whole."""
    whole: list[tuple[Opcode, bytes]] = []
    parts: list[bytes] = []
    opcode = Opcode.TEXT
    for each in frames:
        if each.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            whole.append((each.opcode, bytes(each.data)))
            continue
        opcode = opcode if each.opcode is Opcode.CONT else each.opcode
        parts.append(bytes(each.data))
        if each.fin:
            whole.append((opcode, b"".join(parts)))
            parts = []
    return whole


def read_by_us(chunks: Iterable[bytes]) -> list[tuple[Opcode, bytes]]:
    """The same, by the short way, with the library behind it."""
    splitter, library = FrameSplitter(), Protocol(SERVER, max_size=2**16)
    frames: list[Frame] = []
    for chunk in chunks:
        for is_text, piece in splitter.feed(chunk):
            if is_text:
                frames.append(Frame(Opcode.TEXT, piece))
            else:
                library.receive_data(piece)
                frames += [event for event in library.events_received() if isinstance(event, Frame)]
    return messages(frames)


STREAM = b"".join(
    [
        frame(Opcode.TEXT, b"hello"),
        frame(Opcode.TEXT, b""),
        frame(Opcode.PING, b"p"),
        frame(Opcode.TEXT, b"x" * 200),
        frame(Opcode.TEXT, b"in ", fin=False),
        frame(Opcode.PONG, b""),
        frame(Opcode.CONT, b"three ", fin=False),
        frame(Opcode.CONT, b"parts"),
        frame(Opcode.BINARY, b"\x00\xff"),
        frame(Opcode.TEXT, "grüße".encode()),
        frame(Opcode.CLOSE, Close(1000, "").serialize()),
    ]
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000])
def test_stream_means_the_same_however_it_is_cut(size: int) -> None:
    chunks = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]

    assert read_by_us(chunks) == messages(read_by_library(STREAM))


@pytest.mark.parametrize("cut", range(1, len(STREAM)))
def test_stream_means_the_same_cut_at_any_byte(cut: int) -> None:
    assert read_by_us([STREAM[:cut], STREAM[cut:]]) == messages(read_by_library(STREAM))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING]), st.binary(max_size=120)),
        max_size=8,
    ),
    st.lists(st.integers(1, 60), min_size=1, max_size=20),
)
def test_any_frames_cut_anywhere_mean_what_the_library_reads(
    frames: list[tuple[Opcode, bytes]], sizes: list[int]
) -> None:
    data = b"".join(frame(opcode, payload) for opcode, payload in frames)
    chunks, start = [], 0
    for size in itertools.cycle(sizes):
        if start >= len(data):
            break
        chunks.append(data[start : start + size])
        start += size

    assert read_by_us(chunks) == messages(read_by_library(data))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=10))
def test_no_byte_is_lost_or_added_whatever_comes(chunks: list[bytes]) -> None:
    splitter = FrameSplitter()
    pieces = [piece for chunk in chunks for piece in splitter.feed(chunk)]
    n_text = sum(len(piece) + (6 if len(piece) < 126 else 8) for is_text, piece in pieces if is_text)
    n_other = sum(len(piece) for is_text, piece in pieces if not is_text)

    assert n_text + n_other + len(splitter._rest) == len(b"".join(chunks))


@pytest.mark.parametrize(
    "odd",
    [
        b"\x81\x05hello",  # not masked
        b"\x81\xff" + (2**16 + 1).to_bytes(8, "big") + MASK,  # longer than we take
        b"\xc1\x85" + MASK + b"hello",  # a reserved bit
        b"\x83\x85" + MASK + b"hello",  # an opcode that there is not
    ],
)
def test_frame_against_the_rules_is_the_librarys_to_refuse(odd: bytes) -> None:
    server = Protocol(SERVER, max_size=2**16)
    for is_text, piece in FrameSplitter().feed(odd):
        assert not is_text
        server.receive_data(piece)

    assert server.parser_exc is not None


def test_text_in_the_middle_of_a_fragmented_message_is_the_librarys_to_refuse() -> None:
    data = frame(Opcode.TEXT, b"half", fin=False) + frame(Opcode.TEXT, b"another")
    server = Protocol(SERVER, max_size=2**16)
    for is_text, piece in FrameSplitter().feed(data):
        assert not is_text
        server.receive_data(piece)

    assert server.parser_exc is not None


def test_library_reads_everything_once_it_is_handed_on() -> None:
    splitter = FrameSplitter()
    splitter.hand_on()

    assert splitter.feed(STREAM) == [(False, STREAM)]


def test_frame_that_drips_in_byte_by_byte_costs_no_more_than_its_length() -> None:
    data = frame(Opcode.TEXT, b"x" * 60_000)
    splitter = FrameSplitter()
    pieces = [piece for n in range(len(data)) for piece in splitter.feed(data[n : n + 1])]

    assert pieces == [(True, b"x" * 60_000)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_frame_we_write_is_the_one_the_library_would_write(length: int) -> None:
    payload = bytes(n % 251 for n in range(length))
    written = masked_text_frame(payload, MASK)
    server = Protocol(SERVER, max_size=2**20)
    server.receive_data(written)
    (event,) = server.events_received()

    assert isinstance(event, Frame)
    assert (event.opcode, event.fin, bytes(event.data)) == (Opcode.TEXT, True, payload)
    assert len(written) == len(Frame(Opcode.TEXT, payload).serialize(mask=True))


def test_masks_are_fresh_ones_and_of_four_bytes_each() -> None:
    masks = Masks()
    drawn = [masks.next() for _ in range(5000)]

    assert {len(mask) for mask in drawn} == {4}
    assert len(set(drawn)) > 4990
