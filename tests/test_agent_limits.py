import re
from types import MappingProxyType

import pytest
from pydantic import BaseModel, ValidationError

from gateway.agent_limits import LimitsTable, PhrasesTable, TransferTarget


def refusal(table: type[BaseModel], **fields: object) -> str:
    with pytest.raises(ValidationError) as caught:
        table.model_validate(fields)
    return "; ".join(str(error["msg"]) for error in caught.value.errors())


def test_call_without_limits_of_its_own_is_an_hour_long_and_costs_what_it_costs() -> None:
    limits = LimitsTable()

    assert (limits.no_input_seconds, limits.no_input_prompts) == (10, 2)
    assert (limits.max_minutes, limits.warning_seconds, limits.max_machine_seconds) == (60, 30, 90)
    assert {limits.max_tokens, limits.max_cost, limits.calls_at_once, limits.calls_per_hour} == {None}


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("no_input_seconds", [0, 3, 12.5, 120], [-1, 2.9, 121, float("nan"), True, "10", None]),
        ("no_input_prompts", [0, 5], [-1, 6, 1.5]),
        ("max_minutes", [0.6, 240], [0, -1, 241, float("nan"), float("inf")]),
        ("warning_seconds", [0, 120], [-1, 121, float("nan")]),
        ("max_tokens", [1, 10**9], [0, -1, 1.5]),
        ("max_cost", [0.01, 100], [0, -1, float("nan"), float("inf")]),
        ("calls_at_once", [1, 1000], [0, 1001, 1.5]),
        ("calls_per_hour", [1, 1000], [0, 1001, 1.5]),
        ("max_machine_seconds", [0, 1, 600], [-1, 0.5, 601, float("nan")]),
    ],
)
def test_every_limit_has_bounds(key: str, good: list[object], bad: list[object]) -> None:
    for value in good:
        assert getattr(LimitsTable.model_validate({key: value}), key) == value
    for value in bad:
        assert refusal(LimitsTable, **{key: value})


def test_warning_comes_within_the_call() -> None:
    assert refusal(LimitsTable, max_minutes=0.5) == (
        "Value error, warning_seconds, 30, must be less than max_minutes, 30 seconds"
    )
    assert LimitsTable(max_minutes=0.5, warning_seconds=29).warning_seconds == 29
    assert LimitsTable(max_minutes=0.01, warning_seconds=0).warning_seconds == 0


@pytest.mark.parametrize("key", PhrasesTable.model_fields)
def test_phrase_is_one_to_five_hundred_characters(key: str) -> None:
    assert getattr(PhrasesTable.model_validate({key: "x" * 500}), key) == "x" * 500
    assert refusal(PhrasesTable, **{key: ""})
    assert refusal(PhrasesTable, **{key: "x" * 501})
    assert re.match(r"[A-Z].*[.?]$", getattr(PhrasesTable(), key))


def test_target_needs_a_number_and_a_name_alone() -> None:
    target = TransferTarget(number="+15005550009", name="accounts")

    assert (target.description, target.mode, target.ring_seconds, target.caller_id) == ("", "cold", 25, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"number": "911"},
        {"number": "+1900*"},
        {"name": ""},
        {"name": "x" * 65},
        {"name": " "},
        {"name": "accounts "},
        {"name": "the  desk"},
        {"name": "the\ndesk"},
        {"name": "desk\u200b"},
        {"description": "x" * 201},
        {"mode": "hot"},
        {"ring_seconds": 4},
        {"ring_seconds": 121},
        {"caller_id": "anonymous"},
        {"colour": "red"},
    ],
)
def test_odd_target_is_refused(fields: dict[str, object]) -> None:
    assert refusal(TransferTarget, **MappingProxyType({"number": "+15005550009", "name": "a"}) | fields)
