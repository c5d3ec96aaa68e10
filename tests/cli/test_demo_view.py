from rich.console import Console
from rich.text import Text

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

    assert shown.lines() == [Line(625, "caller", "(no words)", "(no words)")]


def test_words_of_a_turn_that_nobody_saw_are_left_out() -> None:
    shown = view()
    shown.take(news.CallerSaid(SID, 102.1, "item_1", "Good day."))

    assert told(shown) == [(500, "good day"), (3000, "(speaks for 0.5 s)")]


def interrupted() -> CallView:
    """A sentence of the agent's of which the caller heard the beginning; its words came when it had been cut."""
    shown = view()
    shown.take(news.ModelSpeaking(SID, 101.0, "item_1"))
    shown.take(news.ModelHeard(SID, 102.0, "item_1", "We are", "We"))
    shown.take(news.Interrupted(SID, 102.0, "item_1", 1000))
    shown.take(news.ModelSaid(SID, 102.1, "item_1", "We are open from nine"))
    shown.take(news.ModelHeard(SID, 102.1, "item_1", "We are open from nine to five.", "We are open"))
    return shown


def agents(shown: CallView) -> Line:
    (line,) = [line for line in shown.lines() if line.who == "agent"]
    return line


def test_words_of_the_agent_s_that_nobody_heard_are_struck_through() -> None:
    line = agents(interrupted())

    assert line == Line(1000, "agent", "We are open from nine to five.", "We are open", 1000)
    assert line.shown().plain == line.text
    (span,) = line.shown().spans
    assert (line.text[span.start : span.end], span.style) == (" from nine to five.", "dim strike")


def test_sentence_that_was_cut_by_a_noise_alone_is_shown_as_heard() -> None:
    shown = interrupted()
    whole = "We are open from nine to five."
    shown.take(news.ModelHeard(SID, 104.0, "item_1", whole, whole))

    line = agents(shown)
    assert line == Line(1000, "agent", whole, whole, None)
    assert line.shown().spans == []


def test_sentence_of_which_nothing_is_known_is_shown_as_it_is() -> None:
    shown = view()
    shown.take(news.ModelSpeaking(SID, 101.0, "item_1"))
    shown.take(news.ModelHeard(SID, 101.1, "item_1", "", ""))
    assert agents(shown).text == "…"

    shown.take(news.ModelSaid(SID, 101.2, "item_1", "We are open."))
    shown.take(news.ModelHeard(SID, 101.3, "item_1", "They are open.", "They are open."))
    assert agents(shown).shown() == Text("They are open.")


def test_texts_and_keys_are_shown_as_typed() -> None:
    shown = view()
    shown.take(news.TextSent(SID, 102.0, "****"))

    assert [line for line in shown.lines() if line.who == "typed"] == [Line(2000, "typed", "****", "****")]


def test_program_gets_the_heard_words_beside_all_of_them() -> None:
    said = next(line for line in interrupted().conversation() if line["who"] == "agent")

    assert list(said) == ["at_ms", "who", "text", "heard_text", "heard_ms"]
    assert (said["text"], said["heard_text"]) == ("We are open from nine to five.", "We are open")


def test_table_tells_heard_from_unheard_on_a_terminal() -> None:
    console = Console(force_terminal=True, width=100, legacy_windows=False, color_system="standard")
    shown = interrupted()
    with console.capture() as written:
        console.print(shown)

    assert "We are open\x1b[2;9m from nine to five." in written.get()
