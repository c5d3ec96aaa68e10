"""Reads what the embedded realtime server observed of a call."""

import contextlib
import time
from pathlib import Path

import msgspec

from gateway.observed import FINISHED, UNFINISHED, VERSION, Observed, file_name, is_label

_PERIOD = 0.05
"""Seconds from one look at the folder to the next."""
_decoder = msgspec.msgpack.Decoder(Observed)


def read_observed(
    folder: str | Path, call_sid: str, patience: float, *, remove: bool = False
) -> list[Observed]:
    """Read the files of a call's sessions, in the order in which the sessions were given audio; this blocks.

    A session's file is there soon after the call has ended. It is waited for as long as there is none, or a session of
    the call goes on, but no longer than ``patience`` seconds. What is no file of ours, or of another version, is left
    out. With ``remove`` the files are gone afterwards: a test of an hour would leave gigabytes.
    """
    if not is_label(call_sid):
        return []
    deadline = time.monotonic() + patience
    while not (paths := _paths(folder, call_sid, FINISHED)) or _paths(folder, call_sid, UNFINISHED):
        if time.monotonic() >= deadline:
            break
        time.sleep(_PERIOD)
    found = [each for path in paths if (each := _read(path)) is not None]
    if remove:
        for path in paths:
            with contextlib.suppress(OSError):  # the server may be another user's
                path.unlink()
    return sorted(found, key=_began_at)


def _paths(folder: str | Path, call_sid: str, ending: str) -> list[Path]:
    return sorted(Path(folder).glob(file_name(call_sid, "*", ending)))


def _read(path: Path) -> Observed | None:
    try:
        observed = _decoder.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return observed if observed.version == VERSION else None


def _began_at(observed: Observed) -> float:
    times = [each.at for each in observed.appends[:1]] + [
        delta.at for item in observed.items[:1] for delta in item.deltas[:1]
    ]
    return min(times, default=0.0)
