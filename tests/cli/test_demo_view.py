from rich.console import Console

from gateway import feed as news
from gateway.cli.demo_view import CallView, Line
from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.recording import Recording, Utterance
from gateway.loadtest.timeline import Event
from tests.gateways import AUTH_TOKEN, PUBLIC_URL

SID = "CA" + 32 * "0"


def view() -> CallView:
    """The view of a call that began at 100 s on the clock, 5 s ago; its recording has its own account."""
    recording = Recording(bytes(8 * 4000), "call", (Utterance(500, 1500, "good day"), Utterance(3000, 3500)))
    caller = RecordedCaller(recording, PUBLIC_URL, AUTH_TOKEN)
    caller.timeline.started_at = 100.0
    shown = CallView(Console(quiet=True), caller)
    shown.refresh(Event(105.0, "media-received"))
    return shown


def told(shown: CallView) -> list[tuple[int, str]]:
    return [(line.at_ms, line.text) for line in shown.lines() if line.who == "caller"]


def test_without_recognition_the_recording_says_what_the_caller_said() -> None:
    shown = view()
    shown.take(news.CallerSpeaking(SID, 100.6, "item_1"))
    shown.take(news.CallerSilent(SID, 102.0, "item_1"))

    assert told(shown) == [(500, "good day"), (3000, "(speaks for 0.5 s)")]


def test_recognised_words_stand_in_place_of_the_recordings() -> None:
    shown = view()
    shown.take(news.CallerSpeaking(SID, 100.625, "item_1"))
    shown.take(news.CallerSilent(SID, 102.0, "item_1"))
    shown.take(news.CallerSaid(SID, 102.1, "item_1", "Good day."))

    assert told(shown) == [(625, "Good day.")]


def test_words_belong_to_the_turn_that_ended_not_to_the_one_that_began() -> None:
    shown = view()
    shown.take(news.CallerSpeaking(SID, 100.625, "item_1"))
    shown.take(news.CallerSilent(SID, 102.0, "item_1"))
    shown.take(news.CallerSpeaking(SID, 102.125, "item_2"))
    shown.take(news.CallerSaid(SID, 102.25, "item_1", "Good day."))

    assert told(shown) == [(625, "Good day."), (2125, "…")]


def test_a_turn_in_which_no_words_were_found_says_so() -> None:
    shown = view()
    shown.take(news.CallerSpeaking(SID, 100.625, "item_1"))
    shown.take(news.CallerSilent(SID, 102.0, "item_1"))
    shown.take(news.CallerSaid(SID, 102.1, "item_1", ""))

    assert shown.lines() == [Line(625, "caller", "(no words)")]


def test_words_of_a_turn_that_nobody_saw_are_left_out() -> None:
    shown = view()
    shown.take(news.CallerSaid(SID, 102.1, "item_1", "Good day."))

    assert told(shown) == [(500, "good day"), (3000, "(speaks for 0.5 s)")]
