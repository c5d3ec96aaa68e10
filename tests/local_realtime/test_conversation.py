import pytest

from gateway.local_realtime import conversation as module
from gateway.local_realtime.conversation import Conversation, Item
from gateway.local_realtime.errors import ClientEventError


def item(item_id: str, text: str = "") -> Item:
    content = [{"type": "input_text", "text": text}]
    return Item({"id": item_id, "type": "message", "role": "user", "content": content})


def order(conversation: Conversation) -> str:
    return "".join(item.item_id for item in conversation)


def test_items_go_last_first_or_behind_another() -> None:
    conversation = Conversation()

    befores = [conversation.add(item("a")), conversation.add(item("b"))]
    befores += [conversation.add(item("c"), "a"), conversation.add(item("d"), "root")]

    assert order(conversation) == "dacb"
    assert befores == [None, "a", "a", None]
    assert conversation.last_id == "b"


def test_an_id_is_used_once_and_again_after_it_was_removed() -> None:
    conversation = Conversation()
    conversation.add(item("a"))

    with pytest.raises(ClientEventError) as caught:
        conversation.add(item("a"))
    assert caught.value.code == "item_create_duplicate_item_id"
    assert conversation.remove("a")
    assert not conversation.remove("a")
    assert conversation.add(item("a")) is None


def test_an_item_cannot_follow_one_that_is_not_there() -> None:
    conversation = Conversation()
    with pytest.raises(ClientEventError) as caught:
        conversation.add(item("a"), "nobody")
    assert caught.value.param == "previous_item_id"
    assert order(conversation) == ""


def test_the_oldest_items_are_forgotten() -> None:
    conversation = Conversation()
    for number in range(module.MAX_ITEMS + 5):
        conversation.add(item(f"i{number}"))

    assert sum(1 for _ in conversation) == module.MAX_ITEMS
    assert conversation.get("i4") is None
    assert conversation.get("i5") is not None


def test_large_items_push_out_more_and_the_newest_always_stays() -> None:
    conversation = Conversation()
    for item_id in "abc":
        conversation.add(item(item_id, "x" * (module.MAX_BYTES // 2 - 200)))
    assert order(conversation) == "bc"

    conversation.add(item("d", "x" * (module.MAX_BYTES + 1)), "root")
    assert order(conversation) == "d"
