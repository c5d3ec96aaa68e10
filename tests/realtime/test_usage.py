from gateway.realtime.usage import TokenUsage


def test_tokens_are_told_by_direction_and_kind_and_those_of_no_kind_as_other() -> None:
    usage = TokenUsage(
        total_tokens=150,
        input_tokens=100,
        output_tokens=50,
        input_text_tokens=20,
        input_audio_tokens=70,
        cached_tokens=30,
        cached_audio_tokens=30,
        output_text_tokens=10,
        output_audio_tokens=40,
    )

    assert list(usage.by_kind()) == [
        ("input", "text", 20),
        ("input", "audio", 70),
        ("input", "other", 10),
        ("output", "text", 10),
        ("output", "audio", 40),
        ("cached", "audio", 30),
    ]


def test_where_nothing_was_used_nothing_is_told() -> None:
    assert list(TokenUsage().by_kind()) == []


def test_details_beyond_the_total_leave_no_other() -> None:
    assert list(TokenUsage(input_tokens=5, input_text_tokens=9).by_kind()) == [("input", "text", 9)]
