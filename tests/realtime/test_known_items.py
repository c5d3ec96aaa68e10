from typing import Any

from gateway.realtime.event_parts import ContentPart, ItemState
from gateway.realtime.history import MAX_ID_LENGTH, NOTE_PREFIX, function_call_output, message
from gateway.realtime.known_items import MAX_UNACKNOWLEDGED, KnownItems

LONG = "item_" + "x" * 40


def _item(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "type": "message"}


def state(item_id: str, words: str | None) -> ItemState:
    """A message of the user as the server tells of it."""
    return ItemState(item_id, role="user", content=[ContentPart("input_text", words)])


def test_item_is_unacknowledged_until_the_server_takes_or_refuses_it() -> None:
    known = KnownItems()
    for number in range(3):
        known.sent(_item(f"i{number}"), f"e{number}")
    known.acknowledged("i0")
    known.acknowledged("never sent")
    known.refused("e1")
    known.refused(None)

    assert known.unacknowledged == [_item("i2")]
    known.forget_unacknowledged()
    assert known.unacknowledged == []


def test_unacknowledged_items_are_copies_and_bounded() -> None:
    known = KnownItems()
    item = _item("i0")
    known.sent(item, "e0")
    item["type"] = "changed"
    assert known.unacknowledged == [_item("i0")]

    for number in range(MAX_UNACKNOWLEDGED + 1):
        known.sent(_item(f"j{number}"), "e")

    assert [each["id"] for each in known.unacknowledged] == [f"j{n + 1}" for n in range(MAX_UNACKNOWLEDGED)]


def test_items_that_a_new_server_took_are_restored_and_the_others_are_not() -> None:
    known = KnownItems()

    assert known.session_ready(["i1", "i2"], {"i2": "i2", "other": "other"}) == ["i2"]
    assert known.is_restored("i2")
    assert not known.is_restored("i1")
    known.begin_session()
    assert not known.is_restored("i2")
    assert known.own_id("i2") is None


def test_item_with_a_long_id_goes_by_a_shorter_one_on_the_socket() -> None:
    known = KnownItems()
    known.session_ready([LONG], {})
    assert known.wire_id(LONG) == LONG

    known.know_as(LONG, "short")

    assert len("short") <= MAX_ID_LENGTH
    assert known.wire_id(LONG) == "short"
    assert known.own_id("short") == LONG
    assert known.own_id(LONG) is None


def test_item_that_the_server_deleted_is_not_restored_any_more() -> None:
    known = KnownItems()
    known.know_as("i1", "i1")

    assert known.deleted("i1") == "i1"
    assert not known.is_restored("i1")
    assert known.own_id("i1") is None


def test_deletion_of_an_item_that_is_being_replaced_is_not_the_items_end() -> None:
    known = KnownItems()
    known.know_as("i1", "i1")
    assert known.forget("i1") == "i1"
    known.know_as("i1", "fewer")

    assert known.deleted("i1") is None
    assert known.wire_id("i1") == "fewer"
    assert known.own_id("fewer") == "i1"


def test_deletion_of_an_item_that_was_given_up_is_not_told_again() -> None:
    known = KnownItems()
    known.know_as("i1", "i1")
    known.forget("i1")

    assert known.deleted("i1") is None


def test_item_that_the_server_gives_an_id_of_its_own_is_known_by_its_call_or_its_words() -> None:
    known = KnownItems()
    known.sent(message("i0", "user", "no"), "e0")
    known.sent(message("i1", "user", "yes"), "e1")
    known.sent(function_call_output("i2", "c", "found"), "e2")

    assert known.added(state("s1", "yes")) == "i1"
    assert known.added(ItemState("s2", "function_call_output", call_id="c")) == "i2"
    assert known.added(state("s3", "yes")) == "s3"
    assert known.added(state("s4", None)) == "s4"
    assert known.added(ItemState("s5", role="assistant")) == "s5"
    assert known.added(state("", "no")) == ""
    assert [each["id"] for each in known.unacknowledged] == ["i0"]


def test_item_that_is_created_again_is_known_by_the_id_that_the_server_gives_it_and_not_told_twice() -> None:
    known = KnownItems()
    known.know_as("i1", "fewer")
    known.sent(message("fewer", "user", "yes"), "e1", is_new=False)
    assert known.unacknowledged == []

    assert known.added(state("s1", "yes")) == "fewer"
    assert known.wire_id("i1") == "s1"
    assert known.own_id("s1") == "i1"
    assert known.added(state("s1", "yes")) == "s1"


def test_a_note_that_the_server_gives_an_id_of_its_own_is_still_a_note() -> None:
    known = KnownItems()
    known.sent(message(NOTE_PREFIX + "1", "user", "two three"), "e1")

    assert known.added(state("item_server", "two three")) == NOTE_PREFIX + "1"
    assert list(known.deleting) == ["item_server"]


def test_deletions_that_the_server_never_confirms_are_remembered_up_to_a_bound() -> None:
    known = KnownItems()
    for n in range(3000):
        assert known.delete(f"i{n}") == f"i{n}"

    assert list(known.deleting) == [f"i{n}" for n in range(2000, 3000)]
