"""Numbers and times as people read them. Pure."""

import math
from datetime import UTC, datetime

NOTHING = "–"  # noqa: RUF001 - an en dash, as tables have it
_WHOLE_FROM = 100
"""Larger numbers are told without decimals."""


def number(value: float | None, *, is_whole: bool | None = None) -> str:
    """Spell a number, thousands set apart; a dash for none.

    Whole numbers have no decimals, nor large ones. Of several that are to look alike it is said whether all are whole.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    is_whole = value == int(value) if is_whole is None else is_whole
    decimals = 0 if size >= _WHOLE_FROM or is_whole else 1 if size >= 10 else 2
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def amount(value: float | None, unit: str) -> str:
    """Spell a number with its unit."""
    if value is None:
        return NOTHING
    return f"{number(value)}{'' if unit == '%' else ' '}{unit}".rstrip()


def signed(value: float | None) -> str:
    """Spell a difference."""
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def plural(n: int, one: str, many: str) -> str:
    """Spell so many things."""
    return f"{n:,} {one if n == 1 else many}"


def clock(seconds: float, decimals: int = 0) -> str:
    """Spell a time since the start, like 1:02:03 or 2:03.4; what is before it has a minus sign."""
    size = round(abs(seconds), decimals)
    minutes, rest = divmod(size, 60)
    hours, minutes = divmod(int(minutes), 60)
    width = 3 + decimals if decimals else 2
    sign = "\N{MINUS SIGN}" if seconds < 0 and size else ""
    return f"{sign}{f'{hours}:{minutes:02}' if hours else minutes}:{rest:0{width}.{decimals}f}"


def date(at: float) -> str:
    """Spell a moment, seconds since 1970, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
