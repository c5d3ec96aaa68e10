"""Keeps what voice activity has found in recordings, so that each is listened to once.

A cache that is broken, full or cannot be written is no error: what it does not know is found anew.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

Spans = tuple[tuple[int, int], ...]
"""Starts and ends in ms: in order, apart, none of them empty."""
Find = Callable[[npt.NDArray[np.int16]], Spans]
MAX_ENTRIES = 1000
"""When there are more, those that were used longest ago go."""
MAX_ENTRY_BYTES = 1 << 20
"""Spans of an hour take a tenth of it; a longer file is not one of ours."""
_SUFFIX = ".spans.json"


def user_cache_folder(cache_home: str | Path | None = None) -> Path:
    """Where a user's cache is: in ``cache_home``, which is ``XDG_CACHE_HOME``, or else in ``~/.cache``.

    XDG Base Directory Specification: a path that is not absolute does not count.
    """
    home = Path(cache_home) if cache_home and Path(cache_home).is_absolute() else _home() / ".cache"
    return home / "telephony-voice-gateway" / "segments"


class SegmentsCache:
    """Spans of speech by key, one small file each in a folder that is made when there is something to keep."""

    def __init__(self, folder: Path, *, max_entries: int = MAX_ENTRIES) -> None:
        self._folder = folder
        self._max_entries = max_entries

    def recall(self, samples: npt.NDArray[np.int16], algorithm: str, find: Find) -> Spans:
        """Give what ``find`` finds in samples, shape (n,) at 8 kHz; ``algorithm`` names what it does."""
        digest = hashlib.sha256(f"{algorithm}\n".encode())
        digest.update(samples.astype("<i2", copy=False).tobytes())
        path = self._folder / (digest.hexdigest() + _SUFFIX)
        spans = _read(path, samples.size)
        if spans is None:
            spans = find(samples)
            self._keep(path, spans)
        return spans

    def _keep(self, path: Path, spans: Spans) -> None:
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(path, msgspec.json.encode(spans))
            self._forget_oldest()

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file that others find whole or not at all; it is made with mode 0600."""
        handle, name = tempfile.mkstemp(dir=self._folder, prefix="new-", suffix=_SUFFIX)
        written = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            written.replace(path)
        except OSError:
            written.unlink(missing_ok=True)
            raise

    def _forget_oldest(self) -> None:
        entries = [(path.stat().st_mtime_ns, path) for path in self._folder.glob("*" + _SUFFIX)]
        for _, path in sorted(entries)[: -self._max_entries]:
            path.unlink(missing_ok=True)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # this user has none: below a device nothing can be kept, and that is no error
        return Path(os.devnull)


def _read(path: Path, n_samples: int) -> Spans | None:
    try:
        with path.open("rb") as file:
            spans = msgspec.json.decode(file.read(MAX_ENTRY_BYTES), type=Spans)
        path.touch()
    except (OSError, ValueError):
        return None
    edges = [0, *(edge for span in spans for edge in span)]
    in_order = all(before <= after for before, after in pairwise(edges))
    fits = all(start < end for start, end in spans) and edges[-1] * 8 <= n_samples
    return spans if in_order and fits else None
