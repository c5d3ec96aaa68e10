"""The header of a recording: WAV with two channels of mu-law at 8 kHz. Pure.

RIFF/WAVE as in Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0"; a format other than
PCM has a fact chunk with the number of samples.
"""

import struct

_MULAW = 7
CHANNELS = 2
RATE = 8000
_LAYOUT = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
HEADER_BYTES = _LAYOUT.size


def header(n_bytes: int) -> bytes:
    """Write the header of a file with so many bytes of audio, both channels together."""
    n_samples = n_bytes // CHANNELS
    riff = HEADER_BYTES - 8 + n_bytes
    fmt = (_MULAW, CHANNELS, RATE, RATE * CHANNELS, CHANNELS, 8, 0)
    return _LAYOUT.pack(b"RIFF", riff, b"WAVE", b"fmt ", 18, *fmt, b"fact", 4, n_samples, b"data", n_bytes)


def whole_bytes(file_bytes: int) -> int:
    """Tell how much audio a file of this length has, without half a sample at its end."""
    n_bytes = max(0, file_bytes - HEADER_BYTES)
    return n_bytes - n_bytes % CHANNELS
