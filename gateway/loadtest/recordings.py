"""Finds the recordings that a load test is to play: files, folders, manifests and captures of media streams."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from gateway.loadtest.capture import SUFFIX as CAPTURE_SUFFIX
from gateway.loadtest.capture import read_capture
from gateway.loadtest.manifest import FILE_NAME as MANIFEST_NAME
from gateway.loadtest.manifest import read_listed, read_manifest
from gateway.loadtest.recording import Channel, Recording, RecordingError, is_file
from gateway.loadtest.segments_cache import SegmentsCache, user_cache_folder

MAX_RECORDINGS = 1000
SOUND_SUFFIXES = frozenset(
    {".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".w64", ".wav"}
)  # fmt: skip
"""What is taken for sound in a folder; a file that is named may have any ending."""

_Reader = Callable[[], Recording]


def load_recordings(
    paths: Iterable[str | Path], *, channel: Channel = "left", cache: SegmentsCache | None = None
) -> list[Recording]:
    """Read all recordings that paths name, in their order; at least one.

    A path is a sound file, a capture (``.jsonl``), a manifest (``.json``), or a folder: all sound files and captures
    directly in it by name, or what the ``manifest.json`` in it lists. Where speech was found is kept in ``cache``,
    which is the user's unless another is given.

    Raises:
        RecordingError: one of them cannot be used, a folder has none, or there are more than 1000.
    """
    cache = cache or SegmentsCache(user_cache_folder())
    readers: list[_Reader] = []
    for path in paths:
        try:
            readers += _readers(Path(path), channel, cache)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
        if len(readers) > MAX_RECORDINGS:
            raise RecordingError(f"{path}: more than {MAX_RECORDINGS} recordings")
    if not readers:
        raise RecordingError("no recordings were named")
    return [read() for read in readers]


def _readers(path: Path, channel: Channel, cache: SegmentsCache) -> list[_Reader]:
    """What reads each recording that a path names; nothing but a manifest is opened yet."""
    if path.is_dir():
        return _readers_of_folder(path, channel, cache)
    if path.suffix.lower() == ".json" and is_file(path):
        listed = read_manifest(path)
        return [partial(read_listed, path, each, channel=channel, cache=cache) for each in listed]
    if path.suffix.lower() == CAPTURE_SUFFIX and is_file(path):
        return [partial(_read_captured, path, cache)]
    return [partial(Recording.read, path, channel=channel, cache=cache)]


def _readers_of_folder(path: Path, channel: Channel, cache: SegmentsCache) -> list[_Reader]:
    manifest = path / MANIFEST_NAME
    if is_file(manifest):
        return _readers(manifest, channel, cache)
    files = sorted(
        each
        for each in path.iterdir()
        if each.suffix.lower() in {*SOUND_SUFFIXES, CAPTURE_SUFFIX}
        and not each.name.startswith(".")
        and is_file(each)
    )
    if not files:
        raise RecordingError(f"{path}: there are no sound files in it")
    return [reader for each in files for reader in _readers(each, channel, cache)]


def _read_captured(path: Path, cache: SegmentsCache) -> Recording:
    return read_capture(path).recording(cache=cache)
