"""What a caller who listens knows of the agent's speech. Times are float seconds, passed in. Pure."""

import functools
import math
import re

import numpy as np

from gateway.loadtest.playback import AUDIBLE, BYTES_PER_SECOND
from voice_codecs import mulaw_decode

TALKSPURT_GAP = 0.3
"""Seconds: after a shorter silence the agent goes on with what it was saying."""


class AgentSpeech:
    """When the agent began to speak, and until when it will, as far as its audio has come."""

    def __init__(self) -> None:
        self.began_at = -math.inf
        """The first audible sample of its last talkspurt; minus infinity until it has spoken."""
        self.until = -math.inf
        """The last one."""
        self._is_cut = False

    def queued(self, payload: bytes, queued_until: float, audible_until: float, now: float) -> None:
        """Take note of PCMU that was queued, and when that sounds, and audibly sounds, to its end."""
        if audible_until <= self.until:
            return
        if self._is_cut or now - self.until > TALKSPURT_GAP:
            first = _audible().search(payload)
            n_left = len(payload) - (first.start() if first else 0)
            self.began_at = queued_until - n_left / BYTES_PER_SECOND
        self.until = audible_until
        self._is_cut = False

    def cleared(self, now: float) -> None:
        """Take note that what was queued will not sound; what comes next is another talkspurt."""
        self.until = min(self.until, now)
        self._is_cut = True


@functools.cache
def _audible() -> "re.Pattern[bytes]":
    """Matches each of the mu-law codes that are audible."""
    levels = np.abs(mulaw_decode(bytes(range(256))).astype(np.int32))
    codes = bytes(np.flatnonzero(levels >= AUDIBLE).astype(np.uint8))
    return re.compile(b"[" + re.escape(codes) + b"]")
