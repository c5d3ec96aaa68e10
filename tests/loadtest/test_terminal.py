import io

from rich.console import Console

from gateway.loadtest.results import Stage
from gateway.loadtest.terminal import print_judgement
from gateway.loadtest.verdict import judge, thresholds
from tests.loadtest.runs import call, run, with_turns


def printed(*arguments: object, **named: object) -> str:
    file = io.StringIO()
    print_judgement(judge(*arguments, **named), Console(file=file, width=120))  # type: ignore[arg-type]
    return file.getvalue()


def test_figures_failures_and_thresholds_are_printed() -> None:
    calls = [call()] * 29 + [call(failed=True, outcome="stream-refused", faults={"31950": 2})]

    text = printed(run(calls), thresholds(("turn_latency_p95 > 500",), "steady"))

    assert "30 calls in 100 s, at most 30 at once, 1 failed" in text
    assert "failed: stream-refused 1" in text
    assert "server faults: 31950 2" in text
    assert "turn_latency" in text
    assert "fails if turn_latency_p95 > 500: BROKEN (600 ms)" in text
    assert "fails if failed > 0: BROKEN (3.33333 %)" in text


def test_withheld_figures_say_why() -> None:
    assert "n < 20" in printed(with_turns([600] * 19), ())
    late = printed(with_turns([600] * 30, rig_busy=0.95), ())
    assert "Figures are withheld: the rig was late: its core was 95% busy > 90%." in late
    assert "600" not in late


def test_ladder_says_what_holds_and_what_broke() -> None:
    text = printed(run([call()] * 30, mode="ladder", holds=30, broke="34 calls: failed > 1: broken: 3 %"), ())

    assert "30 calls at once hold.\nNot so 34 calls: failed > 1: broken: 3 %.\n" in text
    assert "fails if" not in text


def test_stages_are_told_apart() -> None:
    stages = (Stage(20, 1000.0, 1020.0), Stage(40, 1020.0, 1040.0))
    calls = [call(started_at=1000.0)] * 20 + [call(started_at=1020.0)] * 40

    assert "By the number of calls at once" in printed(run(calls, stages=stages), ())
    assert "By the number of calls at once" not in printed(run(calls, stages=stages[:1]), ())


def test_differences_from_the_baseline_are_told_with_their_noise() -> None:
    text = printed(with_turns([700] * 30), (), with_turns([600] * 30))

    assert "+100 ms" in text
    assert "within noise" in text


def test_first_call_that_failed_for_a_reason_says_what_it_ran_into() -> None:
    calls = [
        call(failed=True, outcome="webhook-status", detail="503"),
        call(failed=True, outcome="webhook-status", detail="404"),
        call(failed=True, outcome="stream-elsewhere", detail="ws://192.0.2.1 is not this machine"),
    ]

    text = printed(run(calls), ())

    assert "failed: webhook-status 2, stream-elsewhere 1\n  webhook-status: 503\n" in text
    assert "ws://192.0.2.1 is not this machine; say --i-own-this-target if you may load it\n" in text
    assert "404" not in text


def test_what_a_server_says_is_no_order_to_the_terminal() -> None:
    detail = "\x1b]0;title\x07\n[red]\u202eevil\x9b" + "x" * 1000

    text = printed(run([call(failed=True, outcome="webhook-content-type", detail=detail)]), ())

    assert "  webhook-content-type: \ufffd]0;title\ufffd [red]\ufffdevil\ufffdxxx" in text
    assert max(map(len, text.splitlines())) < 300


def test_names_from_the_server_are_no_markup() -> None:
    assert "[red]boo[/red]" in printed(run([call()] * 2, mode="ladder", holds=1, broke="[red]boo[/red]"), ())
