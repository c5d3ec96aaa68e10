from typing import Any

import pytest

from gateway.realtime import history
from gateway.realtime.conversation import Formatted, FormattedTool, Item

WORDS = "We are open from nine to five on every working day"
CHINESE = "我们从九点到五点营业"


def _said(item_id: str, transcript: str, role: str = "assistant", **fields: Any) -> Item:
    audio_ms = fields.pop("audio_ms", 1000)
    formatted = Formatted(transcript=transcript, audio_ms=audio_ms)
    return Item(item_id, role=role, formatted=formatted, **{"status": "completed", **fields})


def _typed(item_id: str, text: str, role: str = "user") -> Item:
    return Item(item_id, role=role, status="completed", formatted=Formatted(text=text))


def _call(item_id: str, call_id: str) -> Item:
    formatted = Formatted(tool=FormattedTool("get_hours", call_id, "{}"))
    return Item(item_id, "function_call", status="completed", formatted=formatted)


def _output(item_id: str, call_id: str | None, text: str = "9 to 5") -> Item:
    return Item(
        item_id,
        "function_call_output",
        status="completed",
        call_id=call_id,
        formatted=Formatted(output=text),
    )


def _texts(items: list[dict[str, Any]]) -> list[str]:
    return [item["content"][0]["text"] for item in items]


# What was heard


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({}, WORDS),
        ({"heard_ms": 1000}, WORDS),
        ({"heard_ms": 500, "said_ms": 1000, "audio_ms": 500}, "We are open from nine to"),
        ({"heard_ms": 0}, ""),
        ({"status": "incomplete", "audio_ms": 600}, "We are"),
        ({"status": "in_progress", "audio_ms": 0}, ""),
        ({"status": "incomplete", "audio_ms": 60_000}, WORDS),
        ({"status": "incomplete", "audio_ms": 60_000, "heard_ms": 30_000}, "We are open from nine to"),
    ],
)
def test_words_of_the_model_are_kept_as_far_as_they_were_heard(fields: dict[str, Any], heard: str) -> None:
    assert history.heard_text(_said("a", WORDS, **fields)) == heard


@pytest.mark.parametrize(
    ("heard_ms", "heard"), [(0, ""), (500, "我们从九点"), (999, "我们从九点到五点营"), (1000, CHINESE)]
)
def test_words_of_a_language_without_spaces_are_cut_in_proportion(heard_ms: int, heard: str) -> None:
    assert history.heard_text(_said("a", CHINESE, heard_ms=heard_ms, said_ms=1000)) == heard


def test_written_answer_counts_as_read() -> None:
    assert history.heard_text(_typed("a", WORDS, "assistant")) == WORDS


# What is replayed


def test_conversation_is_replayed_as_text_in_its_order() -> None:
    items = [
        _typed("s", "be brief", "system"),
        _said("u1", "hello", "user"),
        _said("a1", "good morning"),
        _typed("u2", "what are your hours"),
    ]

    assert history.replay(items) == [
        history.message("s", "system", "be brief"),
        history.message("u1", "user", "hello"),
        history.message("a1", "assistant", "good morning"),
        history.message("u2", "user", "what are your hours"),
    ]


def test_text_of_the_assistant_is_output_text_and_everybody_elses_is_input_text() -> None:
    kinds = {
        role: history.message("i", role, "x")["content"][0]["type"]
        for role in ("user", "system", "assistant")
    }

    assert kinds == {"user": "input_text", "system": "input_text", "assistant": "output_text"}


def test_item_without_words_is_left_out() -> None:
    items = [
        _said("u1", " ", "user"),
        _said("a1", WORDS, heard_ms=0),
        Item("odd", role=None, status="completed"),
    ]

    assert history.replay(items) == []


def test_call_is_replayed_with_its_output_even_if_another_item_came_between() -> None:
    replayed = history.replay([_call("c", "call_1"), _typed("u", "well?"), _output("o", "call_1")])

    assert [item["type"] for item in replayed] == ["function_call", "function_call_output", "message"]
    assert replayed[0] == {
        "id": "c",
        "type": "function_call",
        "call_id": "call_1",
        "name": "get_hours",
        "arguments": "{}",
    }
    assert replayed[1] == history.function_call_output("o", "call_1", "9 to 5")


def test_call_without_output_and_output_without_call_are_left_out() -> None:
    assert history.replay([_call("c", "call_1"), _output("o", "call_2"), _output("p", None)]) == []


def test_output_that_the_old_server_may_never_have_got_is_replayed() -> None:
    sent = history.function_call_output("o", "call_1", "9 to 5")

    assert history.replay([_call("c", "call_1")], [sent])[1] == sent


def test_message_that_the_old_server_may_never_have_got_comes_last_and_once() -> None:
    sent = history.message("u2", "user", "still there?")

    assert _texts(history.replay([_typed("u1", "hello")], [sent])) == ["hello", "still there?"]
    known = [_typed("u1", "hello"), _typed("u2", "still there?")]
    assert _texts(history.replay(known, [sent])) == ["hello", "still there?"]


def test_notes_of_an_older_session_are_not_replayed() -> None:
    note = history.message(history.NOTE_PREFIX + "1", "system", "apologise")
    items = [_typed(history.NOTE_PREFIX + "2", "apologise", "system")]

    assert history.replay(items, [note]) == []


def test_item_that_servers_would_refuse_for_its_id_gets_a_shorter_one_always_the_same() -> None:
    long = "item_" + "x" * 40

    replayed = history.replay([_typed(long, "hello")])

    assert replayed[0]["id"] == history.wire_id(long)
    assert len(replayed[0]["id"]) == history.MAX_ID_LENGTH
    assert history.wire_id("item_1") == "item_1"


def test_latest_200_items_are_replayed() -> None:
    replayed = history.replay([_typed(f"u{number}", str(number)) for number in range(history.MAX_ITEMS + 5)])

    assert _texts(replayed) == [str(number) for number in range(5, history.MAX_ITEMS + 5)]


def test_latest_64_ki_characters_are_replayed() -> None:
    quarter = "x" * (history.MAX_CHARACTERS // 4)

    replayed = history.replay([_typed(f"u{number}", quarter) for number in range(6)])

    assert [item["id"] for item in replayed] == ["u2", "u3", "u4", "u5"]


def test_call_is_never_parted_from_its_output_by_a_limit() -> None:
    items = [_call("c", "call_1"), _output("o", "call_1")]
    items += [_typed(f"u{number}", "x") for number in range(history.MAX_ITEMS - 1)]

    replayed = history.replay(items)

    assert len(replayed) == history.MAX_ITEMS - 1
    assert {item["type"] for item in replayed} == {"message"}


def test_a_long_run_without_a_space_is_cut_within() -> None:
    text = CHINESE * 10 + " OK"

    assert history.heard_words(text, 1000, 500, is_whole=True) == text[: len(text) // 2]
