from gateway.call_report import CallReport
from gateway.feed import CallEvent, Feed, ModelHeard, ModelSaid, TextSent
from gateway.metrics import Metrics
from gateway.realtime.events import AudioDelta, TranscriptDone

SENTENCE = "Please press four or five, or wait."
SECOND = bytes(48_000)


class Told(Feed):
    """Keeps what is told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[CallEvent] = []

    def publish(self, event: CallEvent) -> None:
        self.events.append(event)

    def heard(self) -> list[tuple[str, str]]:
        return [(each.text, each.heard_text) for each in self.events if isinstance(each, ModelHeard)]


def said(report: CallReport, text: str = SENTENCE, *, seconds: int = 3) -> None:
    """All the words of an item of the agent's, and before them its sound, if it has any."""
    for _ in range(seconds):
        report.model_event(AudioDelta("item_1", SECOND, response_id="resp_1"), 1.0)
    if text:
        report.model_event(TranscriptDone("item_1", text, response_id="resp_1"), 1.0)


def test_words_that_come_when_the_sentence_has_been_cut_are_told_of_with_those_that_were_heard() -> None:
    feed = Told()
    report = CallReport(feed, Metrics())
    said(report, "")
    report.cut("item_1", 1000)
    assert feed.heard() == [("", "")]

    said(report, seconds=0)

    assert isinstance(feed.events[-2], ModelSaid)
    text, heard_text = feed.heard()[-1]
    assert text == SENTENCE
    assert 0 < len(heard_text) < len(SENTENCE)
    assert SENTENCE.startswith(heard_text)


def test_sentence_is_told_of_as_heard_once_it_was() -> None:
    feed = Told()
    report = CallReport(feed, Metrics())
    said(report)
    assert feed.heard() == []

    report.heard(["item_1", "unheard_of"])

    assert feed.heard() == [(SENTENCE, SENTENCE)]


def test_sentence_that_is_heard_on_after_a_cut_is_told_of_again() -> None:
    feed = Told()
    report = CallReport(feed, Metrics())
    said(report)
    report.cut("item_1", 500)
    report.cut("item_1", 3000)

    first, last = feed.heard()
    assert len(first[1]) < len(SENTENCE)
    assert last == (SENTENCE, SENTENCE)


def test_masked_text_shows_nothing_but_its_length() -> None:
    feed = Told()
    report = CallReport(feed, Metrics())
    for masked in (False, True):
        report.typed("12*A#", masked=masked)

    assert [each.text for each in feed.events if isinstance(each, TextSent)] == ["12*A#", "*****"]
    assert [turn.text for turn in report.transcript.turns] == ["12*A#", "*****"]
