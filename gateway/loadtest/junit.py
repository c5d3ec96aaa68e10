"""A load test's thresholds as JUnit XML, which build servers read. Pure.

Needs the extra ``[loadtest]``, so whoever can do without it imports this only when it is wanted.
"""

import re

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from gateway.loadtest.thresholds import Verdict
from gateway.loadtest.verdict import Judgement

_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
"""Characters that XML 1.0, section 2.2, cannot hold."""


def junit(judgement: Judgement) -> bytes:
    """Write a test case for every threshold: a failure where it was broken, an error where it cannot be judged."""
    suite = TestSuite("gateway loadtest")
    for name, value in _properties(judgement).items():
        suite.add_property(name, _NOT_XML.sub("?", value))
    is_ladder = judgement.run.mode == "ladder"
    suite.add_testcases([_ladder(judgement)] if is_ladder else [_case(each) for each in judgement.verdicts])
    xml = JUnitXml("gateway loadtest")
    xml.add_testsuite(suite)
    content: bytes = xml.tostring()
    return content


def _properties(judgement: Judgement) -> dict[str, str]:
    seconds = judgement.run.ended_at - judgement.run.started_at
    told = {"target": judgement.run.target, "mode": judgement.run.mode, "seconds": f"{seconds:.1f}"}
    if judgement.summary.rig_late:
        told["rig"] = judgement.summary.rig_late
    if judgement.run.holds is not None:
        told["holds"] = str(judgement.run.holds)
    for name, count in judgement.summary.counts.items():
        if count.value is not None:
            told[name] = f"{count.value:g}"
    for name, figure in judgement.summary.figures.items():
        if figure.withheld is None:
            told |= {f"{name}_{each}": f"{getattr(figure, each):g}" for each in ("p50", "p95", "p99")}
    return told


def _ladder(judgement: Judgement) -> TestCase:
    case = TestCase("calls that hold", "gateway.loadtest")
    if not judgement.passed:
        case.result = [Failure(_NOT_XML.sub("?", judgement.run.broke or "none"), "broken")]
    return case


def _case(verdict: Verdict) -> TestCase:
    case = TestCase(verdict.threshold, "gateway.loadtest")
    if verdict.state == "broken":
        case.result = [Failure(_NOT_XML.sub("?", str(verdict)), "broken")]
    elif verdict.state == "withheld":
        case.result = [Error(_NOT_XML.sub("?", str(verdict)), "withheld")]
    return case
