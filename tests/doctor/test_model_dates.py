from datetime import date

import pytest

from gateway.doctor.check import Outcome
from gateway.doctor.model_dates import judged
from gateway.realtime.known_providers import DEFAULT_MODEL

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("model", "today", "outcome", "words"),
    [
        (DEFAULT_MODEL, TODAY, "ok", DEFAULT_MODEL),
        ("gpt-realtime", TODAY, "warning", "2027-01-20"),
        ("gpt-realtime-mini-2025-12-15", date(2027, 1, 19), "warning", "will be shut down"),
        ("gpt-realtime-mini", date(2027, 1, 20), "failed", "was shut down on 2027-01-20"),
        ("gpt-4o-realtime-preview", TODAY, "failed", "2026-05-07"),
        ("gpt-4o-realtime-preview-2024-12-17", TODAY, "failed", "2026-05-07"),
        ("gpt-4o-mini-realtime-preview", TODAY, "failed", "2026-05-07"),
        ("gpt-realtime-9", TODAY, "ok", "not among the models known here"),
    ],
)
def test_a_model_is_judged_by_its_end(model: str, today: date, outcome: Outcome, words: str) -> None:
    finding = judged(model, today)

    assert finding.outcome == outcome
    assert words in finding.what


def test_a_model_that_ends_has_a_successor_that_does_not() -> None:
    for model in (
        "gpt-realtime",
        "gpt-realtime-mini",
        "gpt-4o-realtime-preview",
        "gpt-4o-mini-realtime-preview",
    ):
        successor = judged(model, TODAY).advice.split()[1]
        assert judged(successor, date(2030, 1, 1)).outcome == "ok"


def test_a_small_model_is_replaced_by_a_small_one() -> None:
    assert "gpt-realtime-2.1-mini" in judged("gpt-4o-mini-realtime-preview-2024-12-17", TODAY).advice
