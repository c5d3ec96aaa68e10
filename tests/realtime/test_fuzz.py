"""Some rounds of ``tests.fuzz.events``, always the same ones."""

from random import Random

from gateway.realtime.conversation import TokenUsage, TranscriptionUsage
from tests.fuzz.conversations import Step, run_steps
from tests.fuzz.events import Fuzzing, smallest
from tests.fuzz.mutations import odd_bytes


def test_nothing_but_a_protocol_error_comes_of_odd_events_and_every_conversation_stays_sound() -> None:
    fuzzing = Fuzzing(seed=20)
    for _ in range(24):
        fuzzing.round()

    assert fuzzing.failure is None
    assert fuzzing.n_inputs == 2400
    assert fuzzing.n_refused > 500
    assert fuzzing.n_refused_in_conversations > 100
    assert len(fuzzing.kinds) > 40


def test_input_follows_from_seed_and_number() -> None:
    assert odd_bytes(Random("3:7")) == odd_bytes(Random("3:7")) != odd_bytes(Random("3:8"))


def test_failing_input_is_cut_down_to_what_makes_it_fail() -> None:
    def refuse_stars(data: bytes) -> None:
        if b"*" in data:
            raise ValueError("a star")

    value, failure = smallest(refuse_stars, b"all of this * is not needed")

    assert value == b"*"
    assert isinstance(failure, ValueError)


def test_dict_that_is_no_event_is_counted_and_leaves_a_conversation_as_it_was() -> None:
    follower = run_steps([("dict", {"type": "error"}), ("typed", {"type": "error"})], keep_audio=True)

    assert follower.n_refused == 2
    assert follower.conversation.get_items() == []


def test_figures_that_nobody_can_mean_do_not_spoil_what_is_added_up() -> None:
    usage = {"total_tokens": 5, "input_tokens": -7, "output_tokens": 10**400}
    seconds = [float("nan"), float("inf"), -1.0, 2.5]
    done = ("dict", {"type": "response.done", "response": {"id": "r", "usage": usage}})
    transcript = {"type": "conversation.item.input_audio_transcription.completed", "transcript": "Hi"}
    heard: list[Step] = [
        ("dict", {**transcript, "item_id": f"i{n}", "usage": {"seconds": each}})
        for n, each in enumerate(seconds)
    ]

    conversation = run_steps([done, *heard], keep_audio=False).conversation

    assert conversation.usage == TokenUsage(total_tokens=5)
    assert conversation.transcription_usage == TranscriptionUsage(seconds=2.5)
