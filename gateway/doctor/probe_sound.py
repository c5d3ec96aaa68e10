"""The sound of a probing call: what it says, and how much of what comes back is the agent's. No clock, no sockets."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from gateway.loadtest.recording import Recording, Utterance
from voice_codecs import MULAW_SILENCE, PCMU_8K

CALL_MS = 2000
"""How long the probing call speaks, silence included."""
LEAD_MS = 300
"""Silence before its words, for the agent's ear to settle."""


def probe_recording() -> Recording:
    """Say two seconds of what every agent answers to and none acts on: "One moment, please."."""
    words = _prompt("one_moment.flac").payload
    silence = PCMU_8K.ms_to_bytes(LEAD_MS) * MULAW_SILENCE
    payload = (silence + words).ljust(PCMU_8K.ms_to_bytes(CALL_MS), MULAW_SILENCE)
    end_ms = LEAD_MS + PCMU_8K.bytes_to_ms(len(words))
    return Recording(payload, "probe", (Utterance(LEAD_MS, end_ms, "One moment, please."),))


class OwnPrompts:
    """Knows the gateway's own prompts, PCMU, from an agent's voice."""

    def __init__(self) -> None:
        self._apology = _prompt("apology.flac").payload
        self._one_moment = _prompt("one_moment.flac").payload

    def agent_ms(self, heard: Iterable[bytes]) -> int:
        """Milliseconds of what was heard, run by run, that are not a prompt, or the beginning of one."""
        return sum(PCMU_8K.bytes_to_ms(len(self._rest(bytes(run)))) for run in heard)

    def is_apology(self, heard: Iterable[bytes]) -> bool:
        """Whether the gateway has apologised."""
        beginning = self._apology[: PCMU_8K.ms_to_bytes(200)]
        return any(beginning in bytes(run) for run in heard)

    def _rest(self, run: bytes) -> bytes:
        while run:
            known = next(
                (each for each in (self._apology, self._one_moment) if _begin_alike(run, each)), None
            )
            if known is None:
                break
            run = run[len(known) :]
        return run


def _begin_alike(run: bytes, prompt: bytes) -> bool:
    return run.startswith(prompt) or prompt.startswith(run)


def _prompt(name: str) -> Recording:
    path = Path(str(resources.files("gateway") / "prompts" / name))
    return Recording.read(path, utterances=())
