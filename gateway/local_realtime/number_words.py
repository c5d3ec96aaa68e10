"""Numbers as they are said on the phone: order numbers digit by digit, times, dates, money, units.

Only what the phonemes' dictionary gets wrong is rewritten: it spells small numbers, thousands with commas, decimals,
ordinals, years, percentages and amounts such as ``$12.50`` by itself.
"""

import re
from collections.abc import Callable

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_MONTH = "|".join(f"{month}|{month[:3]}\\.?" for month in _MONTHS) + "|Sept\\.?"
_LONGEST_CARDINAL = 15
"""Digits: longer numbers are said digit by digit, thousands separators or not."""
_SCALES = {"k": "thousand", "m": "million", "b": "billion"}
_CURRENCIES = {"$": "dollars", "£": "pounds", "€": "euros"}
_FRACTIONS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter",
              "3/4": "three quarters"}  # fmt: skip
_UNITS = {"kg": "kilograms", "km": "kilometers", "cm": "centimeters", "mm": "millimeters", "lb": "pounds",
          "lbs": "pounds", "oz": "ounces", "ft": "feet", "mi": "miles", "mph": "miles per hour",
          "km/h": "kilometers per hour", "GB": "gigabytes", "MB": "megabytes", "KB": "kilobytes", "kHz": "kilohertz",
          "Hz": "hertz", "ms": "milliseconds", "sec": "seconds", "secs": "seconds", "min": "minutes",
          "mins": "minutes", "hr": "hours", "hrs": "hours", "°F": "degrees Fahrenheit", "°C": "degrees Celsius",
          "°": "degrees", "EUR": "euros", "USD": "dollars", "GBP": "pounds"}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_NAMES_A_NUMBER = r"(?:number|order|code|pin|zip|account|extension|ext|ending in|id|reference|ticket)"


def digit_by_digit(digits: str) -> str:
    """Space digits out, seven and more in groups of three with a last one of up to four: ``4 8 2, 9 1 3 5``."""
    n_threes = (len(digits) - 2) // 3 if len(digits) > 6 else 0
    groups = [digits[3 * n : 3 * n + 3] for n in range(n_threes)] + [digits[3 * n_threes :]]
    return ", ".join(" ".join(group) for group in groups if group)


def with_numbers_said(text: str) -> str:
    """Rewrite the numbers of a text (ASCII but for currency signs and °) so that they are said as people do."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def _groups(match: re.Match[str]) -> str:
    return ", ".join(digit_by_digit(group) for group in re.findall(r"\d+", match[0])) + " "


def _telephone(match: re.Match[str]) -> str:
    return ("plus " if match[0].startswith("+") else "") + _groups(match).rstrip()


def _time(match: re.Match[str]) -> str:
    hour, minute, half = match["hour"], match["minute"], match["half"]
    if minute == "00":
        said = (
            str(int(hour))
            if half
            else f"{int(hour)} o'clock"
            if 1 <= int(hour) <= 12
            else f"{int(hour)} hundred"
        )
    else:
        said = f"{int(hour)} oh {minute[1]}" if minute[0] == "0" else f"{int(hour)} {minute}"
    return f"{said} {half.lower()}.m." if half else said


def _date(year: str, month: str, day: str) -> str:
    return f"{_MONTHS[int(month) - 1]} {_ordinal(day)}, {year}"


def _day(match: re.Match[str]) -> str:
    month = next(month for month in _MONTHS if month.startswith(match["month"][:3]))
    return f"{month} {_ordinal(match['day'])}"


def _ordinal(day: str) -> str:
    number = int(day)
    ending = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _code(match: re.Match[str]) -> str:
    """A booking code: letters by name, digits one by one."""
    runs = re.findall(r"[A-Z]+|\d+", match[0])
    # A letter alone would be read as a word ("a"): with full stops it is an initial.
    return ", ".join(digit_by_digit(run) if run.isdigit() else _initials(run) for run in runs)


def _initials(letters: str) -> str:
    return "".join(f"{letter}." for letter in letters) if len(letters) > 1 else letters.replace("A", "ay")


def _bare(match: re.Match[str]) -> str:
    digits = match["digits"]
    is_year = len(digits) == 4 and digits[:2] in {"19", "20"} and not match["name"]
    return match[0] if is_year else (match["name"] or "") + digit_by_digit(digits)


def _hyphenated(match: re.Match[str]) -> str:
    parts = match[0].split("-")
    if len(parts) == 2 and (max(map(len, parts)) <= 2 or all(part[:2] in {"19", "20"} for part in parts)):
        return " to ".join(parts)
    return _groups(match).rstrip()


_Said = str | Callable[[re.Match[str]], str]
_RULES: tuple[tuple[re.Pattern[str], _Said], ...] = (
    (re.compile(r"\d[\d,]*"), lambda m: m[0] if len(m[0].replace(",", "")) <= _LONGEST_CARDINAL else _groups(m)),
    (re.compile(r"(?<![\w:.])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?![\d:])"
                r"(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)?"), _time),
    (re.compile(r"(?<![\w-])(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?![\w-])"), lambda m: _date(m[1], m[2], m[3])),
    (re.compile(r"(?<![\w/])(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/((?:19|20)\d\d)(?![\w/])"),
     lambda m: _date(m[3], m[1], m[2])),
    (re.compile(rf"\b(?P<month>{_MONTH}) (?P<day>[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?\b(?![:%]|[.,/-]\d| [ap]\.?m)"), _day),
    (re.compile(r"(?<![\w.])(?:\+?\d{1,3}[-. ])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])"), _telephone),
    (re.compile(r"\+\d{1,3}(?:[-. ]?\(?\d{1,4}\)?){2,6}(?!\w)"), _telephone),
    (re.compile(r"-(?=[$£€]\d)"), "minus "),
    (re.compile(r"([$£€])(\d[\d,]*(?:\.\d+)?) ?(million|billion|trillion|thousand|[kKmMbB])\b"),
     lambda m: f"{m[2]} {_SCALES.get(m[3].lower(), m[3])} {_CURRENCIES[m[1]]}"),
    (re.compile(r"(?<=[$£€])(\d[\d,]*\.\d)(?!\d)"), r"\g<1>0"),
    (re.compile(r"(?<![\w/])(?:1/[234]|2/3|3/4)(?![\w/])"), lambda m: _FRACTIONS[m[0]]),
    (re.compile(rf"(?<=\d) ?({_UNIT})(?![A-Za-z])\.?"), lambda m: f" {_UNITS[m[1]]}"),
    (re.compile(r"(?:#|\b[Nn]o\. ?)(?=\d)"), "number "),
    (re.compile(r"\b(?=[A-Z]*\d)(?=\d*[A-Z])(?=(?:[A-Z-]*\d){3})[A-Z\d]+(?:-[A-Z\d]+)*\b"), _code),
    (re.compile(r"(?<![\w.,$£€-])\d+(?:-\d+)+(?![\w-])"), _hyphenated),
    (re.compile(rf"(?i)(?P<name>\b{_NAMES_A_NUMBER}(?: (?:number|is))? )?(?<![\w.,$£€/-])(?P<digits>0\d+|\d{{4,}})(?![\w/-]|[.,:]\d)"),
     _bare),
)  # fmt: skip
