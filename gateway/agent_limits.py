"""What an agent may spend on a call, what it says when that is used up, and whom it may put callers through to.

Tables of the file of agents, below `agents`.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

NUMBER = r"\+[1-9][0-9]{6,14}"
"""A pattern for numbers in E.164."""
MAX_CALLS_PER_HOUR = 1000
"""The highest limit that can be set."""


def matching(pattern: str, words: str) -> AfterValidator:
    """Accept text that matches ``pattern`` as a whole; ``words`` follow "must be" in the complaint."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {words}")
        return value

    return AfterValidator(check)


def _as_said(value: str) -> str:
    """Accept a name that a model gives back as it got it: in one line, with nothing that cannot be seen."""
    if not value.isprintable() or value != " ".join(value.split()):
        raise ValueError("must be in one line, with single spaces and none at its ends")
    return value


def _never_or(low: float, high: float) -> AfterValidator:
    def check(value: float) -> float:
        if value != 0 and not low <= value <= high:
            raise ValueError(f"must be 0, which means never, or {low:g} to {high:g}")
        return value

    return AfterValidator(check)


PhoneNumber = Annotated[str, matching(NUMBER, "a number such as +15551234567 (E.164)")]
_Phrase = Annotated[str, Field(min_length=1, max_length=500)]


class Table(BaseModel):
    """What all tables of the file share."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LimitsTable(Table):
    """Bounds of one call, and of one caller's calls."""

    no_input_seconds: Annotated[float, _never_or(3, 120)] = 10.0
    """Silence on both sides after which the agent asks whether somebody is there; 0 for never."""
    no_input_prompts: Annotated[int, Field(ge=0, le=5)] = 2
    """So often it asks in vain; then it says goodbye."""
    max_minutes: Annotated[float, Field(gt=0, le=240)] = 60.0
    warning_seconds: Annotated[float, Field(ge=0, le=120)] = 30.0
    """So long before the call's end the caller is told; 0 for no warning."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Of the model, input and output together; None for no limit."""
    max_cost: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """US dollars that the model's tokens may cost; None for no limit."""
    calls_at_once: Annotated[int, Field(gt=0, le=MAX_CALLS_PER_HOUR)] | None = None
    """Of one caller; None for no limit."""
    calls_per_hour: Annotated[int, Field(gt=0, le=MAX_CALLS_PER_HOUR)] | None = None
    """Of one caller; None for no limit."""
    max_machine_seconds: Annotated[float, _never_or(1, 600)] = 90.0
    """Sound of the caller without end or without words after which we believe in a machine; 0 for never."""

    @model_validator(mode="after")
    def _check_warning(self) -> Self:
        if self.warning_seconds >= self.max_minutes * 60:
            seconds = f"{self.max_minutes * 60:g} seconds"
            raise ValueError(
                f"warning_seconds, {self.warning_seconds:g}, must be less than max_minutes, {seconds}"
            )
        return self


class PhrasesTable(Table):
    """What the agent is to say when a limit is near or reached."""

    still_there: _Phrase = "Are you still there?"
    goodbye_silence: _Phrase = "I cannot hear anybody, so I will hang up now. Goodbye."
    time_warning: _Phrase = "Our time is nearly over."
    goodbye_time: _Phrase = "Our time is over, so I will hang up now. Goodbye."
    goodbye_budget: _Phrase = "I have to end our call here. Thank you for calling, and goodbye."


class TransferTarget(Table):
    """A phone to which an agent may put callers through."""

    number: PhoneNumber
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_as_said)]
    """What the model calls it."""
    description: Annotated[str, Field(max_length=200)] = ""
    """Tells the model whom it is for."""
    mode: Literal["cold", "warm"] = "cold"
    """Warm: whoever answers is told first what the call is about."""
    ring_seconds: Annotated[int, Field(ge=5, le=120)] = 25
    caller_id: PhoneNumber | None = None
    """The number that this phone shows; None for the caller's own."""
