import asyncio
from collections.abc import Awaitable, Callable

from gateway.doctor.check import Check, Finding, failed, ok, skipped, together, warning
from gateway.doctor.examination import examine
from tests.gateways import run


def finding(what: Finding) -> Callable[[], Awaitable[Finding]]:
    async def check() -> Finding:
        return what

    return check


def nothing(_check: Check, _finding: Finding) -> None:
    """Tell nobody."""


def test_checks_run_at_the_same_time_and_each_is_told_of_when_it_is_done() -> None:
    told: list[str] = []

    async def scenario() -> None:
        both_are_here = asyncio.Barrier(2)

        async def meets() -> Finding:
            await both_are_here.wait()
            return ok("met")

        checks = [Check("one", meets), Check("slow", finding(ok("")), needs=("two",)), Check("two", meets)]
        found = await examine(checks, lambda check, _: told.append(check.name))
        assert list(found) == ["one", "slow", "two"]

    run(scenario())

    assert told.index("slow") > told.index("two")


def test_a_check_that_takes_too_long_fails_and_the_others_do_not_wait_for_it() -> None:
    async def for_ever() -> Finding:
        await asyncio.Event().wait()
        return ok("never")

    checks = [Check("stuck", for_ever, timeout=0.05), Check("other", finding(ok("fine")))]
    found = run(examine(checks, nothing))

    assert (found["stuck"].outcome, found["stuck"].what) == ("failed", "no answer within 0.05 s")
    assert found["other"] == ok("fine")


def test_what_needs_a_check_that_failed_or_was_skipped_is_skipped() -> None:
    ran: list[str] = []

    async def runs() -> Finding:
        ran.append("it")
        return ok("")

    checks = [
        Check("first", finding(failed("no", ""))),
        Check("second", runs, needs=("first",)),
        Check("third", runs, needs=("second",)),
        Check("doubtful", finding(warning("hm", ""))),
        Check("fourth", runs, needs=("doubtful",)),
    ]
    found = run(examine(checks, nothing))

    assert found["second"] == skipped("not looked at, because of: first")
    assert found["third"] == skipped("not looked at, because of: second")
    assert found["fourth"].outcome == "ok"
    assert ran == ["it"]


def test_a_bug_in_a_check_is_a_failure_without_its_words() -> None:
    async def breaks() -> Finding:
        raise KeyError("canary")

    found = run(examine([Check("broken", breaks), Check("other", finding(ok("")))], nothing))

    assert found["broken"].outcome == "failed"
    assert "KeyError" in found["broken"].what
    assert "canary" not in repr(found)
    assert found["other"].outcome == "ok"


def test_several_findings_are_as_bad_as_the_worst_and_say_each_thing_once() -> None:
    merged = together([ok("a"), warning("b", "do b"), failed("c", "do c"), warning("b", "do b")])

    assert merged == Finding("failed", "a\nb\nc", "do b\ndo c")
    assert together([skipped("x"), ok("y")]).outcome == "ok"
