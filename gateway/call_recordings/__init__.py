"""Recordings of calls: what callers have said and what they have heard, on disk."""

from gateway.call_recordings.pausing import Pausing
from gateway.call_recordings.recording import Recording
from gateway.call_recordings.recordings import Recordings

__all__ = ["Pausing", "Recording", "Recordings"]
