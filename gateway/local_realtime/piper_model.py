"""Piper on onnxruntime: phonemes to samples."""

import unicodedata
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime

from gateway.local_realtime.piper_files import PiperFiles

_ROUNDING = 0.29
"""The model rounds each phoneme up to whole frames: 0.29 of what the length scale gives at 1 comes on top, at any scale."""
_PAD, _START, _END = "_", "^", "$"
"""Piper's convention: a padding after each phoneme and after the start."""


class PiperModel:
    """The loaded voice: 0.4 s to load, about 150 MB, shared by all threads."""

    def __init__(self, files: PiperFiles) -> None:
        config: dict[str, Any] = msgspec.json.decode(files.config.read_bytes())
        self.sample_rate: int = config["audio"]["sample_rate"]
        """Hertz, of the samples it makes."""
        self._ids: dict[str, list[int]] = config["phoneme_id_map"]
        inference = config["inference"]
        self._noise, self._length = inference["noise_scale"], inference["length_scale"]
        self._noise_of_lengths = inference["noise_w"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(files.model, options, providers=["CPUExecutionProvider"])

    def samples(self, phonemes: str, speed: float = 1.0) -> npt.NDArray[np.float32]:
        """Speak phonemes (IPA as espeak writes it); samples, shape (n,), within 1; 80 ms of CPU for a second of speech.

        ``speed`` is how many times faster than usual, 0.25 to 1.5. Phonemes that the voice does not know are left out.
        """
        ids = np.array([self._sequence(phonemes)], np.int64)
        length = self._length * ((1 + _ROUNDING) / speed - _ROUNDING)
        scales = np.array([self._noise, length, self._noise_of_lengths], np.float32)
        inputs = {"input": ids, "input_lengths": np.array([ids.size], np.int64), "scales": scales}
        (sound,) = self._session.run(None, inputs)
        samples: npt.NDArray[np.float32] = sound.reshape(-1)
        return samples

    def _sequence(self, phonemes: str) -> list[int]:
        known = [each for each in unicodedata.normalize("NFD", phonemes) if each in self._ids]
        padded = [id_ for each in (_START, *known) for id_ in (*self._ids[each], *self._ids[_PAD])]
        return [*padded, *self._ids[_END]]
