"""What the page of a load test says."""

import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from gateway.loadtest.comparison import compare
from gateway.loadtest.failure import REASONS as FAILURES
from gateway.loadtest.page import outcome, page
from gateway.loadtest.page.axis import Axis
from gateway.loadtest.page.distributions import histograms
from gateway.loadtest.page.over_time import over_time
from gateway.loadtest.page.panels import MAX_DOTS
from gateway.loadtest.page.shown_calls import MAX_SHOWN, shown
from gateway.loadtest.page.spelling import clock, number
from gateway.loadtest.page.wording import COUNTS, EVENTS, FAULTS, REASONS, measure_words
from gateway.loadtest.results import CallAudio, Event, RunResult, Stage, Trace, Turn
from gateway.loadtest.steps import REASONS as KNOWN_REASONS
from gateway.loadtest.summary import Summary, counts, summarise
from gateway.loadtest.thresholds import Verdict, parse
from gateway.loadtest.timeline import EventKind
from gateway.loadtest.values import MEASURES, collect
from tests.loadtest.made_runs import made_run
from tests.loadtest.runs import call, run, with_turns

HOSTILE = "</script></title><img src=x onerror=alert(1)>'\"&{{ 7*7 }}<!--"


def judged(of: RunResult, *thresholds: str) -> tuple[Summary, list[Verdict]]:
    summary = summarise(of)
    return summary, [parse(each).judge(summary) for each in thresholds]


def written(of: RunResult, *thresholds: str, against: RunResult | None = None) -> str:
    summary, verdicts = judged(of, *thresholds)
    return page(of, summary, verdicts, None if against is None else compare(of, against))


class Reader(HTMLParser):
    """Takes a page apart: its text, its elements, what is in its JSON."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.documents: dict[str, Any] = {}
        self._within: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self._within[-1] if self._within else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.documents[str(attributes["id"])] = json.loads(data)
        elif tag not in {"script", "style"}:
            self.texts.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop()[0] != tag:
            pass

    @property
    def text(self) -> str:
        return " ".join(filter(None, self.texts))


def test_it_says_what_was_tested_and_what_it_came_to() -> None:
    text = Reader(
        written(
            with_turns([900] * 30, target="https://voice.example.com", mode="soak"),
            "turn_latency_p95 > 800",
            "failed > 5",
            "barge_in_stop_p50 > 300",
        )
    ).text

    assert "https://voice.example.com" in text
    assert "Mode soak" in text
    assert "Command gateway loadtest made.wav" in text
    assert "Began 1970-01-01 00:16:40 UTC Lasted 1:40" in text
    assert "✕ Failed Turn latency p95 was 900 ms; at most 800 ms is allowed." in text
    assert "Turn latency p95 ✕ broken 900 ms at most 800 ms" in text
    assert "Share of calls failed ✓ kept 0% at most 5%" in text
    assert (
        "Barge-in to silence p50 ? cannot be judged – at most 300 ms withheld: n < 20" in text  # noqa: RUF001
    )


@pytest.mark.parametrize(
    ("made", "thresholds", "state", "sentence"),
    [
        (with_turns([500] * 20), ["turn_latency_p95 > 800"], "passed", "The one threshold was kept; none of 20 calls failed."),
        (with_turns([500] * 20), [], "passed", "None of 20 calls failed; no thresholds were set."),
        (run([call(), call(failed=True)]), [], "failed", "1 of 2 calls failed; no thresholds were set."),
        (with_turns([500] * 20), ["turn_latency_p95 > 1", "peak < 99"], "failed",
         "Turn latency p95 was 500 ms; at most 1 ms is allowed. 1 other threshold was broken, too."),
        (run([call()]), ["turn_latency_p95 > 1"], "cannot be judged", "Turn latency p95 was withheld: n < 20."),
        (run([]), [], "cannot be judged", "No calls were placed."),
        (run([call()], rig_busy=0.95), ["failed > 5"], "passed", "The one threshold was kept; none of 1 call failed."),
        (run([call()], rig_busy=0.95), [], "cannot be judged",
         "The figures cannot be believed: the rig was late: its core was 95% busy > 90%."),
        (run([call(failed=True)], rig_busy=0.95), ["failed > 5"], "failed",
         "Share of calls failed was 100%; at most 5% is allowed."),
        (run([call()], mode="ladder", holds=120, broke="140 calls: turn_latency_p95 > 800"), ["turn_latency_p95 > 800"], "passed",
         "The server holds 120 calls at once."),
        (run([call()], mode="ladder", holds=0, broke="10 calls: failed > 1"), [], "failed",
         "No number of calls that was tried holds: 10 calls: failed > 1."),
    ],
)  # fmt: skip
def test_outcome_is_one_word_and_one_sentence(
    made: RunResult, thresholds: list[str], state: str, sentence: str
) -> None:
    found = outcome(made, *judged(made, *thresholds))

    assert (found.state, found.sentence) == (state, sentence)


def test_ladder_says_what_broke_next() -> None:
    text = Reader(
        written(run([call()], mode="ladder", holds=120, broke="140 calls: turn_latency_p95 > 800"))
    ).text

    assert "The server holds 120 calls at once. What broke next: 140 calls: turn_latency_p95 > 800." in text


def test_late_rig_is_said_first_and_every_figure_of_time_is_withheld() -> None:
    made = msgspec.structs.replace(made_run((10,), stage_s=60.0), rig_busy=0.97)
    text = Reader(written(made)).text

    assert "These figures cannot be believed" in text
    assert text.index("These figures cannot be believed") < text.index("What was tested")
    why = "the rig was late: its core was 97% busy > 90%"
    assert re.search(rf"Turn latency From the [^.]+\. [0-9]+ withheld: {re.escape(why)}", text)
    assert f"Withheld but for the rig's own lateness: {why}." in text
    charts = histograms(summarise(made), collect(made), [])
    assert [each.measure for each in charts] == ["frame_lateness"]


def test_figures_are_grouped_and_few_values_are_withheld() -> None:
    text = Reader(written(with_turns([700] * 19))).text

    assert "Turns Turn latency" in text
    assert "19 withheld: n < 20 ms" in text
    assert "Without a value in this test: Barge-in to clear, Barge-in to silence, " in text


def test_every_measure_count_reason_and_event_has_words() -> None:
    assert [each.name for each in MEASURES if measure_words(each.name).group == "Other"] == []
    assert set(counts([], 0, None)) == set(COUNTS)
    assert {*KNOWN_REASONS, *FAILURES} == set(REASONS)
    assert set(EventKind.__args__) == set(EVENTS)  # type: ignore[attr-defined]
    assert {"31903", "31931", "31950", "31951", "15003", "bad-audio"} <= set(FAULTS)


def test_faults_and_failures_are_said_in_words() -> None:
    made = run([call(faults={"31951": 3}), call(outcome="stream-refused", failed=True, detail="503")])
    text = Reader(written(made)).text

    assert "The media stream's handshake was refused 31920 1" in text
    assert "A message had a missing, additional or wrong field, or was for another stream. 31951 3" in text


@pytest.mark.parametrize(
    "made",
    [
        run([call(recording=HOSTILE, detail=HOSTILE, call_sid=HOSTILE, wav=HOSTILE)]),
        run([call(outcome=HOSTILE, failed=True, faults={HOSTILE: 1})]),
        run([call(trace=Trace(40, b"\x01", b"\x02", (Event(5, HOSTILE, HOSTILE),)))]),
        run([call()], target=HOSTILE, mode=HOSTILE, command=HOSTILE, holds=3, broke=HOSTILE),
    ],
)
def test_nothing_that_others_wrote_becomes_markup(made: RunResult) -> None:
    text = written(made)
    reader = Reader(text)

    assert "img" not in [tag for tag, _ in reader.elements]
    assert [name for _, attributes in reader.elements for name in attributes if name.startswith("on")] == []
    assert text.count("</script>") == text.count("<script")
    assert HOSTILE in reader.text or HOSTILE in json.dumps(reader.documents, ensure_ascii=False).replace(
        '\\"', '"'
    )


def test_it_asks_for_nothing_and_allows_nothing_else() -> None:
    text = written(made_run((10,), stage_s=30.0), "turn_latency_p95 > 800")
    reader = Reader(text)

    asked = [
        value
        for _, attributes in reader.elements
        for name, value in attributes.items()
        if name in {"src", "href", "action", "data", "poster", "srcset"}
    ]
    assert [each for each in asked if each and not each.startswith(("#", "data:,"))] == []
    assert [name for _, attributes in reader.elements for name in attributes if name == "style"] == []
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", text)
    (policy,) = [str(each.get("content")) for tag, each in reader.elements if each.get("http-equiv")]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_run_without_calls_has_a_page() -> None:
    text = Reader(written(run([]), "failed > 5")).text

    assert text.count("No calls were placed.") == 3
    assert "There are no figures." in text


def test_call_without_a_trace_is_among_the_calls() -> None:
    reader = Reader(written(run([call()])))

    assert reader.documents["call-0"]["trace"] is None
    assert reader.documents["call-0"]["turns"] == [[2000, 600]]
    assert "made.wav The caller hung up 450 600" in reader.text


def test_headings_are_in_order_and_tables_have_scopes() -> None:
    made = made_run((10, 20), stage_s=60.0)
    reader = Reader(written(made, "turn_latency_p95 > 800", against=made))

    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert [each for tag, each in reader.elements if tag == "th" and "scope" not in each] == []
    charts = [each for tag, each in reader.elements if tag == "svg" and each.get("class") == "plot"]
    assert charts
    assert [each for each in charts if each.get("role") != "img" or not each.get("aria-label")] == []


def test_differences_are_said_in_words() -> None:
    new, old = with_turns([700, 710, 720] * 20), with_turns([600, 610, 620] * 20)
    text = Reader(written(new, against=old)).text

    assert "Turn latency p50 610 ms 710 ms +100 +100 to +100 higher, beyond noise" in text
    assert "Webhook p50 100 ms 100 ms 0 0 to 0 no difference beyond noise" in text
    assert "Barge-in to silence: n < 20 in the new run" in text


def test_more_calls_than_can_be_shown_are_the_worst_ones_and_the_best() -> None:
    calls = [call(call_sid=f"CA{n:032}", turns=(Turn(2000, n),)) for n in range(MAX_SHOWN + 500)]
    seen = shown(run(calls))

    assert len(seen.calls) + seen.n_left_out == len(calls)
    assert MAX_SHOWN - 10 < len(seen.calls) <= MAX_SHOWN
    assert seen.calls[0].document["turns"] == [(2000, MAX_SHOWN + 499)]
    assert [(each.words, each.place) for each in seen.choices] == [
        ("Worst call", 0),
        ("Best call", len(seen.calls) - 1),
    ]
    assert seen.calls[-1].document["turns"] == [(2000, 0)]
    text = Reader(written(run(calls))).text
    assert f"{len(seen.calls):,} calls are shown here" in text
    assert f"{seen.n_left_out} others count in the figures above" in text


@pytest.mark.parametrize("n_beyond", [0, 1, 2, 3])
def test_no_call_is_shown_twice_or_missed_at_the_edge_of_what_is_shown(n_beyond: int) -> None:
    calls = [call(call_sid=f"CA{n:032}", turns=(Turn(2000, n),)) for n in range(MAX_SHOWN + n_beyond)]
    heard = tuple(CallAudio(calls[n].call_sid, b"") for n in range(4))
    seen = shown(run(calls, audio=heard))

    titles = [each.document["facts"][0][1] for each in seen.calls]
    assert len(titles) == len(set(titles)) <= MAX_SHOWN
    assert {each.call_sid for each in heard} <= set(titles)


def test_call_without_sound_does_not_stand_in_for_the_worst_one() -> None:
    refused = call(failed=True, outcome="stream-refused", n_frames=0, turns=())
    seen = shown(run([call(), call(turns=(Turn(2000, 900),)), refused]))

    assert [(each.words, each.place) for each in seen.choices] == [
        ("Worst call", 1),
        ("Best call", 2),
        ("A call without sound", 0),
    ]


def test_long_calls_and_many_of_them_make_no_endless_page() -> None:
    marks = tuple(Event(at, "mark-echoed", f"m{at}") for at in range(0, 120_000, 200))
    wave = bytes(range(256)) * 11 + bytes(184)
    long_call = call(
        duration_ms=120_000,
        turns=tuple(Turn(at, 700) for at in range(5000, 115_000, 8000)),
        trace=Trace(40, wave, wave, (*marks, Event(120_000, "ended", "caller-hung-up"))),
    )
    made = run([msgspec.structs.replace(long_call, call_sid=f"CA{n:032}") for n in range(3000)])
    text = written(made)

    assert len(text) < 15e6
    document = Reader(written(run([long_call]))).documents["call-0"]
    assert len(document["trace"]["events"]) == 300
    assert document["trace"]["leftOut"] == 301
    assert document["trace"]["events"][-1] == [120_000, list(EVENTS).index("ended"), "caller-hung-up"]
    assert document["trace"]["step"] == 80


def test_timeline_thins_turns_but_keeps_the_slowest() -> None:
    calls = [
        call(started_at=1000.0 + n / 100, turns=(Turn(2000, 9000 if n == 4321 else 500),))
        for n in range(10_000)
    ]
    made = run(calls, stages=(Stage(100, 1000.0, 1050.0), Stage(200, 1050.0, 1100.0)))
    summary = summarise(made)
    chart = over_time(made, summary, [])

    assert chart is not None
    assert chart.is_thinned
    (latency,) = (each for each in chart.panels if each.title == "Turn latency, ms")
    dots = latency.curves[0].path
    assert dots.count("M") <= MAX_DOTS
    assert [each.label for each in chart.bands] == ["100", "200"]


def test_histogram_holds_all_values_but_those_far_out_and_marks_what_matters() -> None:
    made = with_turns([*range(500, 700), 60_000])
    summary, verdicts = judged(made, "turn_latency_p95 > 800")
    (chart,) = (
        each for each in histograms(summary, collect(made), verdicts) if each.measure == "turn_latency"
    )

    assert sum(int(each.title.split(": ")[1].split()[0]) for each in chart.bars) == 200
    assert chart.beyond == "1 value beyond, up to 60,000 ms"
    assert [each.label for each in chart.lines] == ["p50 600 ms", "p95 690 ms", "limit of p95 800 ms"]
    assert 0 < chart.lines[0].x < chart.lines[1].x < chart.lines[2].x < 100


@pytest.mark.parametrize("values", [[0], [0] * 30, [5] * 30, [-4, -2], [1, 10**9]])
def test_any_values_can_be_drawn(values: list[int]) -> None:
    made = with_turns(values)
    (chart, *_) = histograms(summarise(made), collect(made), [])

    assert chart.bars
    assert all(0 <= each.x < 100 and each.x + each.width <= 100.01 for each in chart.bars)


def test_axis_has_round_ticks_within_its_ends() -> None:
    assert Axis.over([0.0, 930.0]).ticks() == [0.0, 250.0, 500.0, 750.0, 1000.0]
    assert Axis(0.0, 313.0).time_ticks() == [0.0, 60.0, 120.0, 180.0, 240.0, 300.0]
    assert Axis(0.0, 10.0).percent(12.0) == 100.0


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [(0.0, 0, "0:00"), (59.96, 1, "1:00.0"), (3723.0, 0, "1:02:03"), (-0.4, 1, "\N{MINUS SIGN}0:00.4")],
)
def test_times_are_spelled_as_on_a_clock(seconds: float, decimals: int, text: str) -> None:
    assert clock(seconds, decimals) == text


def test_numbers_have_as_many_decimals_as_can_be_read() -> None:
    assert [number(each) for each in (1234.56, 45.67, 1.234, 7.0, -20.5)] == [
        "1,235", "45.7", "1.23", "7", "\N{MINUS SIGN}20.5",
    ]  # fmt: skip
