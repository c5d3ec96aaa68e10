"""What the embedded server speaks with: the seam for voices, and recorded prompts behind it."""

import io
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Protocol

import msgspec
import soundfile

SAMPLE_RATE = 24_000


class Voice(Protocol):
    """Turns text into sound. Shared by all sessions, awaited beside them."""

    def pieces(self, text: str) -> Sequence[str]:
        """Cut a text into what is spoken in one go; joined, the pieces are the text again."""

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:
        """Speak a piece; PCM16 at 24 kHz, mono, little-endian. Any exception means that it cannot be said now.

        Raises:
            LookupError: this voice cannot say that at all.
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
    """Speaks the texts it has a recording of, and no others, at the speed they were recorded at.

    ``folder`` holds ``prompts.json`` and the files it names, mono at 24 kHz.
    """

    def __init__(self, folder: Traversable = PROMPTS) -> None:
        self.texts: Mapping[str, str] = prompt_texts(folder)
        """What it can say, by prompt name."""
        self._recordings = {prompt.text: _read(folder / prompt.file) for prompt in _prompts(folder)}

    def pieces(self, text: str) -> Sequence[str]:
        """Take a text as a whole."""
        return [text]

    async def speak(self, piece: str, *, speed: float = 1.0) -> bytes:  # noqa: ARG002 - a recording has its own
        """Give the recording of a text.

        Raises:
            LookupError: there is none.
        """
        try:
            return self._recordings[piece]
        except KeyError:
            raise LookupError(f"there is no recording of {piece[:80]!r}") from None


def _prompts(folder: Traversable) -> list[Prompt]:
    prompts = msgspec.json.decode((folder / "prompts.json").read_bytes(), type=list[Prompt])
    return [prompt for prompt in prompts if prompt.name not in _GATEWAY_PROMPTS]


def _read(path: Traversable) -> bytes:
    samples, sample_rate = soundfile.read(io.BytesIO(path.read_bytes()), dtype="int16")
    if sample_rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError(f"{path.name} is not mono at {SAMPLE_RATE} Hz")
    return bytes(samples.astype("<i2").tobytes())
