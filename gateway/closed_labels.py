"""Every label that a metric may have. What has not happened yet is 0 and not missing: else the first time goes unseen.

A rate needs two samples of a counter, so the increase from "not there" to 1 is none to Prometheus.
"""

import itertools
from collections.abc import Mapping, Sequence

from gateway.active_calls import Refusal
from gateway.ending import ENDINGS
from gateway.metrics import Metrics

_ADMISSIONS = ("admitted", *(each.value for each in Refusal if each is not Refusal.BROKEN))

CLOSED: Mapping[str, Sequence[tuple[str, ...]]] = {
    "calls": [(ending.by, ending.reason) for ending in ENDINGS],
    "admissions": [(decision,) for decision in _ADMISSIONS],
    "refused_requests": [("webhook",), ("media-stream",)],
    "setup": [("stream",), ("ready",), ("heard",)],
    "heard_correction": [("forward",), ("back",)],
    "added_latency": [("caller-to-model",), ("model-to-caller",)],
    "dropped_audio": [("model-not-ready",), ("flood",), ("late-delta",)],
    "skipped_messages": [("twilio",), ("model",)],
    "uncaptured_messages": [("disk-slow",), ("disk-failed",), ("unfit",)],
    "unrecorded_audio": [("disk-slow",), ("disk-failed",)],
    "model_reconnects": [("restored",), ("planned",), ("failed",)],
    "tokens": [
        pair
        for pair in itertools.product(("input", "output", "cached"), ("text", "audio", "image", "other"))
        if pair != ("output", "image")
    ],
}
"""By the attribute of `Metrics`: the values of its labels, in their order."""


def begin_at_zero(metrics: Metrics) -> None:
    """Let every metric with labels be there, at 0."""
    for name, all_labels in CLOSED.items():
        for labels in all_labels:
            getattr(metrics, name).labels(*labels)
