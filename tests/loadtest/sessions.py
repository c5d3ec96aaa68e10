"""Observed sessions for the tests of what the embedded server tells. Nothing in them was observed."""

from collections.abc import Iterable, Sequence

from gateway.observed import VERSION, Appended, Encoding, Observed, ObservedItem, Passed, Truncation


def item(
    item_id: str,
    *deltas: tuple[float, int],
    encoding: Encoding = "pcmu",
    chunks: Sequence[bytes] = (),
) -> ObservedItem:
    """An answer of so many ms at each time."""
    passed = tuple(Passed(at, ms * 24) for at, ms in deltas)
    return ObservedItem(item_id, encoding, passed, tuple(chunks))


def session(
    *items: ObservedItem,
    appends: Iterable[tuple[float, int]] = (),
    heard: bytes = b"",
    truncated: Sequence[tuple[str, int, float]] = (),
    encoding: Encoding = "pcmu",
    session_id: str = "sess_1",
    late: float = 0.0,
) -> Observed:
    """A session; appends are so many samples at 24 kHz at each time."""
    return Observed(
        VERSION,
        session_id,
        encoding,
        tuple(Appended(at, n_samples, late) for at, n_samples in appends),
        (heard,) if heard else (),
        tuple(items),
        tuple(Truncation(*each) for each in truncated),
    )
