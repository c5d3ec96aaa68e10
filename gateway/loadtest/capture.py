"""Reads captures of real media streams, whose lines ``gateway.twilio.capture_writer`` writes, as recordings."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from gateway.errors import RemoteProtocolError
from gateway.loadtest.recording import (
    CapturedFrame,
    CapturedKey,
    CapturedMessage,
    CapturedStop,
    Recording,
    RecordingError,
    find_utterances,
)
from gateway.loadtest.segments_cache import SegmentsCache
from gateway.twilio.capture_writer import FORMAT, MAX_DURATION, MAX_LINE, MAX_LINES, VERSION, Header, Line
from gateway.twilio.messages import Dtmf, Media, Start, Stop, decode_message
from voice_codecs import MULAW_SILENCE, PCMU_8K, mulaw_decode

SUFFIX = ".jsonl"


class Capture(msgspec.Struct, frozen=True):
    """What is needed of a captured media stream to play its caller again."""

    name: str
    """The file's name without its folder."""
    messages: tuple[CapturedMessage, ...]
    """Twilio's, in order of time, without what this call's own makes anew: connected, start, marks."""

    def recording(self, *, cache: SegmentsCache | None = None) -> Recording:
        """Lay the caller's frames out by Twilio's timestamps; what is missing is silence."""
        frames = [each for each in self.messages if isinstance(each, CapturedFrame)]
        places = [(PCMU_8K.ms_to_bytes(each.timestamp_ms), each.payload) for each in frames]
        audio = bytearray(MULAW_SILENCE) * max(start + len(payload) for start, payload in places)
        for start, payload in places:
            audio[start : start + len(payload)] = payload
        utterances = find_utterances(mulaw_decode(bytes(audio)), cache)
        return Recording(bytes(audio), self.name, utterances, self.messages)


def read_capture(path: str | Path) -> Capture:
    """Read a capture; the server's messages are checked, but not kept.

    Raises:
        RecordingError: it is missing or unreadable, a line is wrong, or there is no audio of the caller's in it.
    """
    path = Path(path)
    reader = _Reader(path)
    try:
        with path.open("rb") as file:
            for number, content in enumerate(_lines(file, path), 1):
                reader.take(number, content)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
    if not any(isinstance(each, CapturedFrame) for each in reader.messages):
        raise RecordingError(f"{path}: there is no audio in it")
    return Capture(path.name, tuple(reader.messages))


class _Reader:
    """Takes one line after the other."""

    def __init__(self, path: Path) -> None:
        self.messages: list[CapturedMessage] = []
        self._path = path
        self._last_at = 0.0
        self._started_at: float | None = None
        self._is_stopped = False

    def take(self, number: int, content: bytes) -> None:
        """Take line ``number``, counted from 1."""
        try:
            if number == 1:
                self._take_header(msgspec.json.decode(content, type=Header))
            else:
                self._take_line(msgspec.json.decode(content, type=Line))
        except (ValueError, RecursionError, RemoteProtocolError) as error:
            raise RecordingError(f"{self._path}, line {number}: {error}") from error

    def _take_header(self, header: Header) -> None:
        if header != Header(FORMAT, VERSION):
            raise ValueError(f"not a {FORMAT} of version {VERSION}")

    def _take_line(self, line: Line) -> None:
        if line.t < self._last_at:
            raise ValueError("earlier than the line before")
        self._last_at = line.t
        if line.sender == "twilio":
            self._take_message(line)

    def _take_message(self, line: Line) -> None:
        message = decode_message(line.text)
        if self._is_stopped:
            raise ValueError("a message after the stop message")
        if isinstance(message, Start):
            if self._started_at is not None:
                raise ValueError("a second start message")
            self._started_at = line.t
        elif isinstance(message, Media | Dtmf | Stop):
            if self._started_at is None:
                raise ValueError("before the start message")
            self._keep(message, line.t - self._started_at)

    def _keep(self, message: Media | Dtmf | Stop, at: float) -> None:
        match message:
            case Media(media=media):
                if media.timestamp_ms > MAX_DURATION * 1000:
                    raise ValueError("a timestamp beyond the longest call")
                if media.track == "inbound":
                    self.messages.append(CapturedFrame(at, media.timestamp_ms, media.payload))
            case Dtmf(dtmf=dtmf):
                self.messages.append(CapturedKey(at, dtmf.digit))
            case Stop():
                self.messages.append(CapturedStop(at))
                self._is_stopped = True


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield each line, at least one; stop at what is too long or too much."""
    number = 0
    while (content := file.readline(MAX_LINE + 1)) or number == 0:
        number += 1
        if len(content) > MAX_LINE:
            raise RecordingError(f"{path}, line {number}: longer than {MAX_LINE} bytes")
        if number > MAX_LINES:
            raise RecordingError(f"{path}, line {number}: more than {MAX_LINES} lines")
        yield content
