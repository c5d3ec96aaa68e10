"""The caller's audio on its way to the model: sent at once, or held while there is nobody to take it."""

import asyncio
import time
from collections.abc import Callable

from gateway.errors import RealtimeError
from gateway.realtime.api import RealtimeAPI
from gateway.realtime.audio_input import Audio, audio_bytes
from gateway.realtime.held_audio import HeldAudio
from voice_codecs.formats import AudioFormat


class InputStream:
    """Sends audio while it is ``open`` and the server keeps up, and holds the latest 2 s otherwise.

    ``sent`` is told of every chunk that went to the server.
    """

    def __init__(self, api: RealtimeAPI, audio_format: AudioFormat, sent: Callable[[bytes], None]) -> None:
        self._api = api
        self._format = audio_format
        self._held = HeldAudio(audio_format)
        self._sent = sent
        self._paused_at: float | None = None
        self._open = False
        self._flows = asyncio.Event()
        self._flows.set()

    @property
    def n_dropped_ms(self) -> int:
        """Audio given up because the server was not there or did not keep up."""
        return self._held.n_dropped_ms

    def congested_for(self, now: float) -> float:
        """Seconds for which the server has not kept up; 0 when it does."""
        return 0.0 if self._paused_at is None else now - self._paused_at

    def append(self, audio: Audio) -> None:
        """Send audio, or hold it.

        Raises:
            ValueError, TypeError: it is not audio.
        """
        chunk = audio
        if type(chunk) is not bytes or len(chunk) % self._format.bytes_per_sample:
            chunk = audio_bytes(audio, self._format)
        if not chunk:
            return
        if self._open and self._paused_at is None and self._send(chunk):
            return
        self._held.hold(chunk)

    async def flowing(self) -> None:
        """Wait while there is a session that does not keep up."""
        await self._flows.wait()

    def open(self) -> None:
        """A session takes audio from now on: first what was held."""
        self._open, self._paused_at = True, None
        self._release()

    def close(self) -> None:
        """No session takes audio."""
        self._open, self._paused_at = False, None
        self._flows.set()

    def clear(self) -> None:
        """Give up what is held."""
        self._held.clear()

    def writing_paused(self, paused: bool) -> None:
        """Take the socket's word on whether the server keeps up."""
        if paused:
            self._paused_at = time.monotonic()
            self._flows.clear()
        else:
            self._paused_at = None
            self._release()
            self._flows.set()

    def _release(self) -> None:
        while self._held and self._open and self._paused_at is None:
            chunk = self._held.release()
            if not self._send(chunk):
                self._held.hold_again(chunk)
                return

    def _send(self, chunk: bytes) -> bool:
        try:
            self._api.send_nowait("input_audio_buffer.append", {"audio": chunk})
        except RealtimeError:  # its socket is closing, which will be told
            return False
        self._sent(chunk)
        return True
