"""Written text as it is spoken: abbreviations, symbols, addresses, and nothing that has no English sound."""

import re
import unicodedata

from gateway.local_realtime.number_words import with_numbers_said

_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d",
            "þ": "th", "ð": "th"}  # fmt: skip
_SIGNS = {"\u2018": "'", "\u2019": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "…": "...",
          "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "\u00d7": " times ", "=": " equals ", "¢": " cents", "—": ", ",
          "№": "No. ", "™": "", "®": "", "©": "", "\u00ad": "", "[": "(", "{": "(", "]": ")", "}": ")",
          "\u2010": "-", "\u2011": "-", "\u2212": "-", "\u2044": "/"}  # fmt: skip
_TABLE = str.maketrans({**_LETTERS, **_SIGNS})
_TOP_LEVELS = "com|org|net|edu|gov|io|co|uk|us|de|eu|ai|app|dev|info"

_HALF_MORE = re.compile(r"(?<=\d)\s?(?=[½¼¾])")
_DOMAIN = re.compile(rf"(?<![A-Za-z0-9.-])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:{_TOP_LEVELS})\b")
_BEFORE_NUMBERS = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"(?<=\d)\s?\u2013\s?(?=[\d$£€])", " to "),
        (r"\s*(?:\u2013|--+|(?<=\s)-(?=\s))\s*", ", "),
        (r"(?<=[A-Za-z0-9])@(?=[A-Za-z0-9])", " at "),
        (r"(?<!\S)\*(?=[\s.,;!?]|$)", "star"),
        (r"(?<![^\s\d])#(?=[\s.,;!?]|$)", " pound"),
        (r"[*_~^|\\<>]", " "),
    )
)
_AFTER_NUMBERS = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"\b[Ee]\.g\.", "for example"),
        (r"\b[Ii]\.e\.", "that is"),
        (r"\bvs\b\.?", "versus"),
        (r"\b([Aa])pprox\.", r"\1pproximately"),
        (r"(?<=[a-z]) St\.?(?![A-Za-z'])(?! [A-Z][a-z]+ville)", " Street"),
        (r"\bSt\. (?=[A-Z])", "Saint "),
        (r"\bAve\b\.?", "Avenue"),
        (r"\bBlvd\b\.?", "Boulevard"),
        (r"\bRd\b\.?", "Road"),
        (r"\bApt\b\.?", "apartment"),
        (r"\b([Dd])ept\b\.?", r"\1epartment"),
        (r"\b([Ee])xt\b\.?(?= \d)", r"\1xtension"),
        (r"\bw/o\b", "without"),
        (r"\bw/(?= |\w)", "with "),
        (r"[^A-Za-z0-9\s.,;:!?'\"()&@%+$£€/-]", " "),
        (r"#", " "),
        (r"\s+", " "),
        (r" (?=[,.;:!?](?!\d))", ""),
        (r"^[ ,;:]+", ""),
    )
)


def speakable(text: str) -> str:
    """Rewrite a text so that it can be said in English; "" where there is nothing to say (dots, emoji).

    Latin letters lose their accents. Characters of other scripts, which have no English sound, are left out.
    """
    text = _HALF_MORE.sub(" and ", " ".join(text.split()))
    text = unicodedata.normalize("NFKD", text.translate(_TABLE)).translate(_TABLE)
    text = "".join(each for each in text if not unicodedata.combining(each))
    text = re.sub(r"\bhttps?://", "", text)
    text = re.sub(r"\bwww\.", "W.W.W. dot ", text)
    text = _DOMAIN.sub(lambda match: match[0].replace(".", " dot "), text)
    for pattern, said in _BEFORE_NUMBERS:
        text = pattern.sub(said, text)
    text = with_numbers_said(text)
    for pattern, said in _AFTER_NUMBERS:
        text = pattern.sub(said, text)
    return text.strip() if any(each.isalnum() or each in "&@%+" for each in text) else ""
