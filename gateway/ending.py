"""How a call ends: who ended it and why, from a closed list.

The same words stand in the log, the metric labels and what the console shows.
"""

from dataclasses import dataclass
from typing import Literal

Party = Literal["caller", "carrier", "gateway", "model"]


@dataclass(frozen=True)
class Ending:
    """Who ended a call and why. Use the constants below; there are no others."""

    by: Party
    reason: str
    """Kebab-case."""
    apology: bool = False
    """Whether the caller deserves a spoken apology before the line closes."""
    goes_on: bool = False
    """Whether it ends a media stream only, and the call may go on with the same conversation."""

    def __str__(self) -> str:
        return f"{self.by}: {self.reason}"


HANGUP = Ending("caller", "hangup")
"""Twilio sent stop: the caller hung up, or the call was ended or redirected over REST."""
STREAM_LOST = Ending("carrier", "stream-lost", goes_on=True)
"""The media stream's socket went away without a stop."""
NO_START = Ending("carrier", "no-start")
"""No start message within 10 s of the handshake."""
MEDIA_TIMEOUT = Ending("carrier", "media-timeout")
"""No media for 30 s."""
CARRIER_PROTOCOL = Ending("carrier", "protocol-error")
"""Twilio's side of the media stream broke the protocol."""
BAD_TOKEN = Ending("carrier", "bad-token")
"""The start message's token is missing, unknown, used, expired, or another call's."""
MODEL_UNREACHABLE = Ending("model", "unreachable", apology=True)
"""No model session could be opened in time."""
MODEL_REFUSED = Ending("model", "refused", apology=True)
"""The model refused us or our session for good: key, quota, model name, audio format."""
MODEL_LOST = Ending("model", "lost", apology=True)
"""The model's session was lost in the middle of the call, and no other could be had."""
MODEL_HANGUP = Ending("model", "hangup")
"""The model ended the call, by its ``hang_up`` tool, after its last words were heard."""
TRANSFERRED = Ending("model", "transfer", goes_on=True)
"""The model put the caller through to another phone."""
NO_INPUT = Ending("gateway", "no-input")
"""Nobody said anything for too long, although the agent asked."""
MACHINE = Ending("gateway", "machine")
"""There is no person at the caller's end: hold music, an announcement, an answering machine."""
MAX_DURATION = Ending("gateway", "max-duration")
"""The agent's calls may not be longer."""
BUDGET = Ending("gateway", "budget")
"""The agent's calls may not use more tokens, or cost more."""
VOICEMAIL = Ending("gateway", "voicemail")
"""A machine answered a call that we placed; a message was left or not, as the agent says."""
SUPERSEDED = Ending("carrier", "superseded", goes_on=True)
"""Twilio says that this media stream is over, though its socket was still open: the call goes on in another."""
DRAINED = Ending("gateway", "drained", goes_on=True)
"""The gateway was told to stop and the drain time ran out."""
BUG = Ending("gateway", "bug", apology=True)
"""An error of ours; the log has the traceback."""

ENDINGS = (
    HANGUP, STREAM_LOST, NO_START, MEDIA_TIMEOUT, CARRIER_PROTOCOL, BAD_TOKEN, MODEL_UNREACHABLE, MODEL_REFUSED,
    MODEL_LOST, MODEL_HANGUP, TRANSFERRED, NO_INPUT, MACHINE, MAX_DURATION, BUDGET, VOICEMAIL, SUPERSEDED, DRAINED, BUG,
)  # fmt: skip
"""The closed list."""
