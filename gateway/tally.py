"""What is counted on one media stream."""

from dataclasses import dataclass


@dataclass
class Tally:
    """What a bridge has counted."""

    n_barge_ins: int = 0
    n_resumed: int = 0
    """Of those, interruptions that were only noise, so that what they cut off was played after all."""
    late_ms: int = 0
    """Audio of a response that the caller had already interrupted, or that was not for them: dropped."""
    flooded_ms: int = 0
    """Caller audio far above real time: dropped."""
    n_stale_marks: int = 0
    """Marks that came back because of a clear, or that we never sent."""
    n_runaways: int = 0
    """Responses cut because too much of them was waiting to be played."""
    filled_ms: int = 0
    """Caller audio that never came, for which the model was given noise."""
    caller_ms: int = 0
    model_ms: int = 0
