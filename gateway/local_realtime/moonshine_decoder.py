"""Moonshine tiny on onnxruntime: up to 15 s of speech to words, greedily, token by token."""

import math

import numpy as np
import numpy.typing as npt
import onnxruntime

from gateway.local_realtime.formats import Samples
from gateway.local_realtime.moonshine_files import MoonshineFiles
from gateway.local_realtime.moonshine_tokens import END, START, read_tokens, readable
from voice_codecs import Upsampler

_MODEL_RATE = 16_000
_TOKENS_PER_SECOND = 6.5
"""More than anybody says: a decoder that goes on repeats itself, as on 50 s of speech in one piece."""
_CHUNK_SAMPLES = 1600
_FILTER_SAMPLES = 32
_NO_PAST = np.zeros((0, 8, 1, 36), np.float32)

_Tensor = npt.NDArray[np.float32]
_Inputs = dict[str, npt.NDArray[np.generic]]


class MoonshineDecoder:
    """The loaded model: 0.2 s to load, about 130 MB, shared by all threads."""

    def __init__(self, files: MoonshineFiles) -> None:
        self._encoder = _session(files.encoder)
        self._decoder = _session(files.decoder)
        self._tokens = read_tokens(files.tokenizer.read_bytes())
        self._no_past = {each.name: _NO_PAST for each in self._decoder.get_inputs() if _is_past(each.name)}
        presents = [each.name for each in self._decoder.get_outputs() if each.name != "logits"]
        self._first_outputs = ["logits", *presents]
        # What the encoder heard does not change: only the first step tells it.
        self._later_outputs = ["logits", *(name for name in presents if ".decoder." in name)]

    def words(self, samples: Samples) -> str:
        """Recognise PCM16, shape (n,) at 8 kHz, 100 ms to 15 s; about 25 ms of CPU for a second of speech."""
        audio = _upsampled(samples)
        mask = np.ones(audio.shape, np.int64)
        (heard,) = self._encoder.run(None, {"input_values": audio, "attention_mask": mask})
        limit = math.ceil(samples.size / 8000 * _TOKENS_PER_SECOND)
        return readable(self._tokens, self._decode({"encoder_hidden_states": heard}, mask, limit))

    def _decode(self, heard: _Inputs, mask: npt.NDArray[np.int64], limit: int) -> list[int]:
        # The decoder wants the mask of the samples, not of the encoder's steps: with the latter it fails past 9 s.
        inputs: _Inputs = {"encoder_attention_mask": mask, **heard, **self._no_past}
        outputs = self._first_outputs
        token, chosen = START, list[int]()
        while len(chosen) < limit:
            inputs["input_ids"] = np.array([[token]], np.int64)
            inputs["use_cache_branch"] = np.array([bool(chosen)])
            logits, *presents = self._decoder.run(outputs, inputs)
            token = int(logits[0, -1].argmax())
            if token == END:
                break
            chosen.append(token)
            pasts = (name.replace("present.", "past_key_values.") for name in outputs[1:])
            inputs.update(zip(pasts, presents, strict=True))
            outputs = self._later_outputs
        return chosen


def _is_past(name: str) -> bool:
    return name.startswith("past_key_values.")


def _session(path: object) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _upsampled(samples: Samples) -> _Tensor:
    """Convert PCM16 at 8 kHz, shape (n,), to float at 16 kHz, shape (1, 2 * n).

    Chunks of one length are fed, so that the resampler's scratch memory for the calls' frames stays in place.
    """
    n_chunks = -(-(samples.size + _FILTER_SAMPLES) // _CHUNK_SAMPLES)
    padded = np.zeros(n_chunks * _CHUNK_SAMPLES, np.int16)
    padded[: samples.size] = samples
    pcm16 = Upsampler(_MODEL_RATE).feed(padded)[: 2 * samples.size]
    return (pcm16.astype(np.float32) / np.float32(32768.0))[None]
