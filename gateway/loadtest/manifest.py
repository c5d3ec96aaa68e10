"""Manifests: a JSON file that lists recorded calls with what is said in them.

Format 1 is an object with ``format`` and ``calls``; of each call ``file``, relative to the manifest, is read, and
``utterances`` with ``start_ms``, ``end_ms`` and ``text``. What else it tells is for people.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.loadtest.recording import Channel, Recording, RecordingError, Utterance, is_file
from gateway.loadtest.segments_cache import SegmentsCache

FORMAT = 1
FILE_NAME = "manifest.json"
"""What a manifest is called that stands for the folder it lies in."""
MAX_BYTES = 1 << 24
"""16 kB for each of 1000 recordings."""


class ListedCall(msgspec.Struct, frozen=True):
    """One recording that a manifest names."""

    file: Annotated[str, Meta(min_length=1, max_length=1000)]
    utterances: tuple[Utterance, ...] | None = None
    """None where nobody wrote down who speaks when."""


class _Manifest(msgspec.Struct):
    calls: Annotated[tuple[ListedCall, ...], Meta(min_length=1)]


class _Header(msgspec.Struct):
    format: int


def read_manifest(path: Path) -> tuple[ListedCall, ...]:
    """Read what a manifest lists; at least one call, and none twice.

    Raises:
        RecordingError: it is no manifest, of another format, or names a file that is not there.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise RecordingError(f"{path}: too long for a manifest")
        header = msgspec.json.decode(content, type=_Header)
        if header.format != FORMAT:
            raise RecordingError(f"{path}: format {header.format} is not known, only {FORMAT}")
        calls = msgspec.json.decode(content, type=_Manifest).calls
    except (OSError, ValueError, RecursionError) as error:
        raise RecordingError(f"{path}: not a manifest of recordings ({error})") from error
    for index, each in enumerate(calls):
        if not is_file(path.parent / each.file):
            raise RecordingError(f"{path}: there is no file {each.file!r}")
        if any(each.file == other.file for other in calls[:index]):
            raise RecordingError(f"{path}: {each.file!r} is listed twice")
    return calls


def read_listed(
    path: Path, call: ListedCall, *, channel: Channel = "left", cache: SegmentsCache | None = None
) -> Recording:
    """Read a recording that the manifest ``path`` lists.

    Raises:
        RecordingError: the recording cannot be used, or the manifest's utterances do not fit it.
    """
    file = path.parent / call.file
    return Recording.read(file, channel=channel, utterances=call.utterances, cache=cache)
