"""Ids that are unique on a server and tell nothing."""

from collections import Counter


class Ids:
    """Makes the ids of one session: a kind, the session's token, a number. At most 32 characters."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._counts: Counter[str] = Counter()

    def new(self, kind: str) -> str:
        """Make the next id of a kind (``item``, ``resp``, ``event``)."""
        self._counts[kind] += 1
        return f"{kind}_{self._token}{self._counts[kind]:06d}"
