import pytest

from gateway.local_realtime.moonshine_tokens import read_tokens, readable


def test_tokens_of_any_length_are_read() -> None:
    long = b"x" * 300
    data = b"\x01a" + b"\x00" + bytes([128 + 300 % 128, 300 // 128]) + long + b"\x02bc"

    assert read_tokens(data) == [b"a", b"", long, b"bc"]


SPACE = "\u2581".encode()
TOKENS = [
    b"<unk>",
    b"<s>",
    b"</s>",
    SPACE + b"Good",
    b"-bye",
    SPACE,
    b".",
    "\u266a".encode(),
    b"\xc3",
    b"\xa9",
]


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ([], ""),
        ([3, 4, 6], "Good-bye."),
        ([5, 3, 5, 5, 3, 5], "Good Good"),
        ([1, 3, 0, 2], "Good"),
        ([7, 7, 5, 6], ""),
        ([3, 8, 9], "Goodé"),
        ([3, 8], "Good"),
    ],
    ids=["none", "words", "spaces", "control", "no words", "character in two tokens", "half a character"],
)
def test_tokens_become_text(chosen: list[int], text: str) -> None:
    assert readable(TOKENS, chosen) == text
