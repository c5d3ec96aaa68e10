"""Words of a cut item that the caller has heard after all: what the model is told of them."""

from gateway.realtime.conversation import Item, RealtimeConversation
from gateway.realtime.restored_words import restored_words
from tests.gateways import run
from tests.realtime.clients import until_handled, until_taken
from tests.realtime.recoveries import SECOND, lose, sessions

WORDS = "one two three four"


def spoken(words: str = WORDS, ms: int = 4000) -> Item:
    conversation = RealtimeConversation()
    item = {"id": "item", "type": "message", "role": "assistant", "status": "completed"}
    content = [{"type": "output_audio", "transcript": words}]
    conversation.process_event(
        {
            "type": "response.output_audio.delta",
            "item_id": "item",
            "response_id": "r",
            "delta": "AAAA" * 16 * ms,
        }
    )
    conversation.process_event({"type": "conversation.item.done", "item": {**item, "content": content}})
    found = conversation.get_item("item")
    assert found is not None
    return found


def told(item: Item, from_ms: int, to_ms: int) -> str | None:
    restored = restored_words(item, from_ms, to_ms)
    return None if restored is None else restored["content"][0]["text"]


def test_words_between_two_positions_begin_with_the_one_that_was_cut() -> None:
    item = spoken()

    assert told(item, 2000, 4000) == "three four"
    assert told(item, 1500, 3500) == "two three"
    assert told(item, 0, 4000) == WORDS
    assert item.heard_ms is None


def test_nothing_is_told_where_no_word_ends() -> None:
    assert told(spoken(), 2000, 2100) is None
    assert told(spoken(words=""), 0, 4000) is None


def test_model_is_told_behind_the_cut_item_and_the_next_session_once() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            await session.say("item_a", 4 * SECOND, WORDS)
            await session.say("item_b", SECOND, "Six.")
            await until_handled(client, session)
            client.truncate_item_nowait("item_a", 2000)
            await until_taken(client, session)
            client.restore_item_nowait("item_a", 2000, 3000)
            client.restore_item_nowait("item_a", 3000, 3100)
            client.restore_item_nowait("item_unknown", 0, 100)
            await until_taken(client, session)
            assert session.history_text() == "assistant: \nassistant: three\nassistant: Six."
            second = await lose(client, server, session)
            assert second.history_text() == "assistant: one two three\nassistant: Six."
            client.restore_item_nowait("item_a", 3100, 4000)
            await until_taken(client, second)
            assert second.history_text() == f"assistant: {WORDS}\nassistant: Six."

    run(scenario())


def test_item_that_is_deleted_while_there_is_no_session_is_never_told() -> None:
    async def scenario() -> None:
        async with sessions() as (client, server, session):
            client.restore_item_nowait("item_a", 0, 100)
            await session.say("item_a", SECOND, "One.")
            await session.say("item_b", SECOND, "Two.")
            await until_handled(client, session)
            client.delete_item_nowait("item_b")
            await until_taken(client, session)
            assert session.history_text() == "assistant: One."
            client.on("session.lost", lambda _: client.delete_item_nowait("item_a"))
            second = await lose(client, server, session)
            assert second.history_text() == ""
        client.delete_item_nowait("item_a")
        client.restore_item_nowait("item_a", 0, 100)

    run(scenario())
