"""Where the recogniser's models lie in an installed package, and whether they are the ones we know.

The models are those of Moonshine tiny, English (MIT), as `moonshine-voice` 0.1.0 ships them. That package is never
imported: doing so would need PortAudio and load its own onnxruntime.
"""

import hashlib
import importlib.util
from pathlib import Path

import msgspec

from gateway.errors import GatewayError

PACKAGE = "moonshine_voice"
_ADVICE = "pip install 'telephony-voice-gateway[local]'"
_FOLDER = Path("assets", "tiny-en")
_SHA256 = {
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}


class RecogniserUnavailable(GatewayError):  # noqa: N818 - a state of this machine, not a mistake
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
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RecogniserUnavailable(f"the package {package} is not installed: {_ADVICE}")
    folder = Path(spec.submodule_search_locations[0], _FOLDER)
    return MoonshineFiles(*(_checked(folder / name, sha256) for name, sha256 in _SHA256.items()))


def _checked(path: Path, sha256: str) -> Path:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise RecogniserUnavailable(
            f"{path}: {exc.strerror}; moonshine-voice 0.1.0 has it: {_ADVICE}"
        ) from None
    if found != sha256:
        raise RecogniserUnavailable(
            f"{path}: not the file of moonshine-voice 0.1.0 (SHA-256 {found}): {_ADVICE}"
        )
    return path
