from xml.etree import ElementTree as ET

import pytest

from gateway.loadtest.junit import junit
from gateway.loadtest.verdict import judge, thresholds
from tests.loadtest.runs import with_turns


def suite_of(turns: list[int], *fail_if: str, **changes: str) -> ET.Element:
    judgement = judge(with_turns(turns, **changes), thresholds(fail_if, "steady"))
    suite = ET.fromstring(junit(judgement)).find("testsuite")
    assert suite is not None
    return suite


def test_every_threshold_is_a_case() -> None:
    suite = suite_of([600] * 30, "turn_latency_p95 > 500", "turn_latency_p50 > 700", "snr_p50 < 20")

    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "1", "1")
    said = {
        case.get("name"): [(each.tag, each.get("type")) for each in case] for case in suite.iter("testcase")
    }
    assert said == {
        "answered < 1": [],
        "failed > 0": [],
        "turn_latency_p95 > 500": [("failure", "broken")],
        "turn_latency_p50 > 700": [],
        "snr_p50 < 20": [("error", "withheld")],
    }


def test_figures_are_properties() -> None:
    properties = {each.get("name"): each.get("value") for each in suite_of([600] * 30).iter("property")}

    assert properties["turn_latency_p95"] == "600"
    assert properties["calls"] == "30"
    assert "snr_p50" not in properties


def test_what_xml_cannot_hold_is_replaced() -> None:
    properties = {
        each.get("name"): each.get("value")
        for each in suite_of([600] * 30, target="http://127.0.0.1/\x00<\ud800>").iter("property")
    }

    assert properties["target"] == "http://127.0.0.1/?<?>"


@pytest.mark.parametrize(("holds", "failures"), [(12, "0"), (0, "1")])
def test_ladder_is_one_case(holds: int, failures: str) -> None:
    of = with_turns([600] * 30, mode="ladder", holds=holds, broke="14 calls: failed > 1: broken: 7 %")
    xml = ET.fromstring(junit(judge(of, thresholds((), "ladder"))))
    suite = xml.find("testsuite")

    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("1", failures)
    assert {each.get("name"): each.get("value") for each in suite.iter("property")}["holds"] == str(holds)
