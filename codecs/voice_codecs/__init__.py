"""Telephone and model audio: G.711, resampling between 8 kHz and 16 or 24 kHz, levels and tones."""

from voice_codecs.formats import PCM16_8K, PCM16_16K, PCM16_24K, PCMU_8K, AudioFormat
from voice_codecs.g711 import MULAW_SILENCE, alaw_decode, alaw_encode, mulaw_decode, mulaw_encode
from voice_codecs.level import is_silence, peak_dbfs, rms_dbfs
from voice_codecs.resample import Downsampler, Upsampler
from voice_codecs.tones import dtmf_tone, is_key_sequence, key_tones, line_noise, sine, sweep
from voice_codecs.transcode import (
    CallerToModel,
    ModelToCaller,
    PassThrough,
    Transcoder,
    caller_to_model,
    model_to_caller,
)

__all__ = [
    "MULAW_SILENCE",
    "PCM16_8K",
    "PCM16_16K",
    "PCM16_24K",
    "PCMU_8K",
    "AudioFormat",
    "CallerToModel",
    "Downsampler",
    "ModelToCaller",
    "PassThrough",
    "Transcoder",
    "Upsampler",
    "alaw_decode",
    "alaw_encode",
    "caller_to_model",
    "dtmf_tone",
    "is_key_sequence",
    "is_silence",
    "key_tones",
    "line_noise",
    "model_to_caller",
    "mulaw_decode",
    "mulaw_encode",
    "peak_dbfs",
    "rms_dbfs",
    "sine",
    "sweep",
]
