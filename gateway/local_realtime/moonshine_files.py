"""The recogniser's models: Moonshine tiny, English (MIT), as `moonshine-voice` 0.1.0 ships them.

That package is never imported: doing so would need PortAudio and load its own onnxruntime.
"""

from pathlib import Path

import msgspec

from gateway.local_realtime.model_files import ModelUnavailable, checked_files

PACKAGE = "moonshine_voice"
_RELEASE = "moonshine-voice 0.1.0"
_FOLDER = Path("assets", "tiny-en")
_SHA256 = {
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}


class RecogniserUnavailable(ModelUnavailable):
    """Speech cannot be recognised here; the message is one line that says why, and what helps."""


class MoonshineFiles(msgspec.Struct, frozen=True):
    """The three files of a model."""

    encoder: Path
    decoder: Path
    tokenizer: Path


def installed_files(package: str = PACKAGE) -> MoonshineFiles:
    """Find the models in an installed package and check their SHA-256, which takes about 0.1 s.

    Raises:
        RecogniserUnavailable: the package is not installed, or a file is missing or not the one we know.
    """
    try:
        return MoonshineFiles(*checked_files(package, _FOLDER, _SHA256, _RELEASE))
    except ModelUnavailable as exc:
        raise RecogniserUnavailable(str(exc)) from None
