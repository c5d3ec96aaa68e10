"""A request to say certain words and no others, which every persona follows."""

import re

MAX_REQUEST = 4000
"""Characters of a request; in a longer one nothing is looked for."""
_EXACTLY = re.compile(
    r"\bexactly these words\b[^\"\u201c\u201d\n]{0,80}[\"\u201c](.+)[\"\u201d]\s*\Z",
    re.IGNORECASE | re.DOTALL,
)


def exact_words(request: str) -> str:
    """Give the quotation that ends a request for "exactly these words", whatever is in it; empty if there is none."""
    found = _EXACTLY.search(request) if len(request) <= MAX_REQUEST else None
    return " ".join(found[1].split()) if found else ""
