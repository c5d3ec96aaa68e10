"""How a call goes on, and how it ends: a closed list of reasons, those of faults with Twilio's error code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.loadtest.webhook import Method

REASONS: Mapping[str, int | None] = MappingProxyType(
    {
        # as it should be
        "caller-hung-up": None,
        "caller-reset": None,  # the caller was told to break the connection
        "caller-closed": None,  # the caller was told to close the socket without a stop message
        "gateway-hung-up": None,  # <Hangup>, or a document that ran out
        "rejected": None,
        "busy": None,
        "transferred": None,
        # faults
        "webhook-unreachable": 11205,
        "webhook-timeout": 11200,
        "webhook-status": 11200,
        "webhook-content-type": 12300,
        "webhook-too-large": 11750,
        "webhook-loop": 11215,
        "webhook-elsewhere": 11205,  # another machine, where only this one may be called
        "twiml-not-xml": 12100,
        "twiml-invalid": 12200,
        "stream-not-wss": 31922,
        "stream-url-invalid": 31923,
        "stream-track-invalid": 31941,
        "stream-unreachable": 31902,
        "stream-timeout": 31901,
        "stream-refused": 31920,
        "stream-elsewhere": 31904,
    }
)
"""Every way a call can end, with the code of Twilio's debugger where Twilio would log an error."""


@dataclass(frozen=True)
class End:
    """The call is over."""

    reason: str
    """One of ``REASONS``."""
    detail: str = ""
    """For people: the status that came, the number that was dialled."""

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise ValueError(f"not a reason for a call to end: {self.reason}")

    @property
    def code(self) -> int | None:
        """Twilio's error code; None if nothing went wrong."""
        return REASONS[self.reason]

    @property
    def failed(self) -> bool:
        """Whether Twilio would have logged an error."""
        return self.code is not None

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


@dataclass(frozen=True)
class WebhookStep:
    """Ask this URL, absolute, for the next TwiML."""

    url: str
    method: Method = "POST"
    extra: Mapping[str, str] = field(default_factory=dict)
    """What is told beyond a call's usual fields: how dialling ended, which keys were pressed."""


@dataclass(frozen=True)
class StreamStep:
    """Open a media stream to this URL."""

    url: str
    parameters: Mapping[str, str]
    """The <Parameter>s, for the start message."""
    action_url: str | None = None
    """Absolute; asked when the server closes the stream. Without one the document goes on."""
    action_method: Method = "POST"


@dataclass(frozen=True)
class PauseStep:
    """Wait in silence; then the document goes on."""

    seconds: float


@dataclass(frozen=True)
class DialStep:
    """Put the caller through: to the first of these numbers that answers, or into a conference."""

    parties: tuple[str, ...]
    """E.164, or a conference's name alone."""
    action_url: str | None = None
    """Absolute; asked when that is over. Without one the document goes on."""
    action_method: Method = "POST"
    is_conference: bool = False

    def __str__(self) -> str:
        return f"conference {self.parties[0]}" if self.is_conference else ", ".join(self.parties)


@dataclass(frozen=True)
class GatherStep:
    """Ask for keys."""

    action_url: str
    """Absolute; gets the keys."""
    action_method: Method = "POST"
    max_digits: int | None = None
    """So many end it; None: only the key that finishes, or silence."""
    finish_on: str = "#"
    """The key that ends it and is no part of what was entered; blank: none does."""
    asks_when_empty: bool = False
    """Whether the action is asked even if nobody presses a key; else the document goes on."""


Step = WebhookStep | StreamStep | PauseStep | End
