"""What the embedded server speaks with: recorded prompts now, behind the seam a synthesiser will fill."""

import io
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Protocol

import msgspec
import soundfile

SAMPLE_RATE = 24_000


class Speech(msgspec.Struct, frozen=True):
    """One spoken text."""

    pcm16: bytes
    """24 kHz, mono, little-endian."""
    text: str


class Voice(Protocol):
    """Turns text into sound."""

    def speak(self, text: str) -> Speech:
        """Speak a text.

        Raises:
            LookupError: this voice cannot say that.
        """


class Prompt(msgspec.Struct, frozen=True):
    """One line of a prompt set's ``prompts.json``."""

    file: str
    text: str
    duration_ms: int

    @property
    def name(self) -> str:
        """The file's name without its ending, by which a persona chooses."""
        return self.file.rpartition(".")[0]


_GATEWAY_PROMPTS = frozenset({"apology", "one_moment"})
"""What the gateway itself says, at 8 kHz."""
PROMPTS: Traversable = files("gateway") / "prompts"
"""The prompt set of this package."""


def prompt_texts(folder: Traversable) -> dict[str, str]:
    """Read what a prompt set's recordings say, by prompt name."""
    return {prompt.name: prompt.text for prompt in _prompts(folder)}


class RecordedVoice:
    """Speaks the texts it has a recording of, and no others.

    ``folder`` holds ``prompts.json`` and the files it names, mono at 24 kHz.
    """

    def __init__(self, folder: Traversable = PROMPTS) -> None:
        self.texts: Mapping[str, str] = prompt_texts(folder)
        """What it can say, by prompt name."""
        prompts = _prompts(folder)
        self._speeches = {prompt.text: Speech(_read(folder / prompt.file), prompt.text) for prompt in prompts}

    def speak(self, text: str) -> Speech:
        """Give the recording of a text.

        Raises:
            LookupError: there is none.
        """
        try:
            return self._speeches[text]
        except KeyError:
            raise LookupError(f"there is no recording of {text[:80]!r}") from None


def _prompts(folder: Traversable) -> list[Prompt]:
    prompts = msgspec.json.decode((folder / "prompts.json").read_bytes(), type=list[Prompt])
    return [prompt for prompt in prompts if prompt.name not in _GATEWAY_PROMPTS]


def _read(path: Traversable) -> bytes:
    samples, sample_rate = soundfile.read(io.BytesIO(path.read_bytes()), dtype="int16")
    if sample_rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError(f"{path.name} is not mono at {SAMPLE_RATE} Hz")
    return bytes(samples.astype("<i2").tobytes())
