import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from gateway.loadtest.recording import find_utterances
from gateway.loadtest.segments_cache import SegmentsCache, Spans, user_cache_folder
from tests.local_realtime.sessions import SHORT_TURNS

SAMPLES = np.arange(8000, dtype=np.int16)
FOUND: Spans = ((100, 300), (300, 999))


class Ear:
    """Finds always the same, and counts how often it had to listen."""

    def __init__(self, found: Spans = FOUND) -> None:
        self.found = found
        self.n_listened = 0

    def __call__(self, samples: npt.NDArray[np.int16]) -> Spans:
        self.n_listened += 1
        return self.found


def entry(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@pytest.mark.parametrize("found", [FOUND, ()])
def test_what_was_found_once_is_not_looked_for_again(tmp_path: Path, found: Spans) -> None:
    ear = Ear(found)

    assert [SegmentsCache(tmp_path).recall(SAMPLES, "ear 1", ear) for _ in range(3)] == [found] * 3
    assert ear.n_listened == 1


def test_other_samples_and_other_algorithms_are_listened_to_anew(tmp_path: Path) -> None:
    cache, ear = SegmentsCache(tmp_path), Ear()
    other = SAMPLES.copy()
    other[4000] += 1
    for samples, algorithm in ((SAMPLES, "ear 1"), (other, "ear 1"), (SAMPLES, "ear 2")):
        cache.recall(samples, algorithm, ear)

    assert ear.n_listened == 3


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[[1]]", b"[[0, 5000]]", b"[[200, 100]]", b"[[5, 5]]", b"[[-1, 5]]", b"[[0, 50], [40, 60]]", b"\xff",
     b"[" * 2_000_000],
)  # fmt: skip
def test_a_broken_entry_is_found_anew_and_mended(tmp_path: Path, content: bytes) -> None:
    cache, ear = SegmentsCache(tmp_path), Ear()
    cache.recall(SAMPLES, "ear 1", ear)
    entry(tmp_path).write_bytes(content)

    assert cache.recall(SAMPLES, "ear 1", ear) == FOUND
    assert cache.recall(SAMPLES, "ear 1", ear) == FOUND
    assert ear.n_listened == 2


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    ear = Ear()

    assert [SegmentsCache(folder / "below").recall(SAMPLES, "ear 1", ear) for _ in range(2)] == [FOUND] * 2
    assert ear.n_listened == 2


def test_an_entry_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    cache, ear = SegmentsCache(tmp_path), Ear()
    cache.recall(SAMPLES, "ear 1", ear)
    path = entry(tmp_path)
    path.unlink()
    path.mkdir()

    assert cache.recall(SAMPLES, "ear 1", ear) == FOUND
    assert list(tmp_path.iterdir()) == [path]


def test_entries_are_this_user_s_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    SegmentsCache(folder).recall(SAMPLES, "ear 1", Ear())

    assert entry(folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_of_too_many_entries_those_used_longest_ago_go(tmp_path: Path) -> None:
    cache, ear = SegmentsCache(tmp_path, max_entries=3), Ear()
    for n in range(3):
        cache.recall(SAMPLES, f"ear {n}", ear)
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (n, n))
    cache.recall(SAMPLES, "ear 0", ear)  # used, and so young again
    cache.recall(SAMPLES, "ear 3", ear)

    assert (ear.n_listened, len(list(tmp_path.iterdir()))) == (4, 3)
    cache.recall(SAMPLES, "ear 0", ear)
    cache.recall(SAMPLES, "ear 2", ear)
    assert ear.n_listened == 4
    cache.recall(SAMPLES, "ear 1", ear)
    assert ear.n_listened == 5


def test_utterances_come_out_of_the_cache_as_they_went_in(tmp_path: Path) -> None:
    samples, _ = soundfile.read(SHORT_TURNS, dtype="int16")
    first = find_utterances(samples, SegmentsCache(tmp_path))

    assert first == find_utterances(samples)
    entry(tmp_path).write_bytes(b"[[0,10]]")
    (remembered,) = find_utterances(samples, SegmentsCache(tmp_path))
    assert (remembered.start_ms, remembered.end_ms) == (0, 10)


def test_the_user_s_cache_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert user_cache_folder() == tmp_path / ".cache" / "telephony-voice-gateway" / "segments"
    assert user_cache_folder("relative") == user_cache_folder() == user_cache_folder("")
    assert user_cache_folder("/var/cache/me") == Path("/var/cache/me/telephony-voice-gateway/segments")


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", nowhere)
    ear = Ear()

    assert [SegmentsCache(user_cache_folder()).recall(SAMPLES, "ear 1", ear) for _ in range(2)] == [FOUND] * 2
    assert ear.n_listened == 2
