"""A caller made from a recording: Twilio's whole part of one call, without sockets and without a clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.errors import LocalProtocolError
from gateway.loadtest.identity import CallIdentity, new_identity, new_sid
from gateway.loadtest.playback import PlaybackBuffer
from gateway.loadtest.recording import Recording
from gateway.loadtest.signalling import Signalling
from gateway.loadtest.steps import End, Step, StreamStep, WebhookStep
from gateway.loadtest.stream import CallerStream
from gateway.loadtest.timeline import Timeline
from gateway.loadtest.webhook import HttpRequest, Method


@dataclass(eq=False, repr=False)  # it holds secrets
class RecordedCaller:
    """Sans-I/O caller and Twilio in one: webhooks, TwiML, media streams, playback. Every ``now`` is float seconds.

    A driver follows the steps: it makes the request of ``webhook`` and hands the answer to ``take_twiml``, or opens
    a stream, sends what ``begin`` and ``due`` give, passes on what comes to ``receive``, and ends it with ``hang_up``
    once ``wants_to_hang_up``, or with ``stream_closed`` when the server does.
    """

    recording: Recording
    public_url: str
    """The gateway's http(s) address as Twilio knows it; what is signed."""
    auth_token: str
    identity: CallIdentity = field(default_factory=new_identity)
    voice_url: str = "/twilio/voice"
    """Asked first: a path below ``public_url``, or a whole URL."""
    linger: float = 3.0
    """Seconds of silence after which the caller hangs up when the recording is over."""
    give_up_after: float = 30.0
    """Seconds after the recording at which the caller hangs up even if the agent still speaks."""
    hang_up_after: float | None = None
    """Seconds on the call's clock at which the caller hangs up, whatever happens; None to hear it out."""
    timeline: Timeline = field(default_factory=Timeline, init=False)
    playback: PlaybackBuffer = field(default_factory=PlaybackBuffer, init=False)
    signalling: Signalling = field(init=False)
    _stream: CallerStream | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.signalling = Signalling(
            self.public_url, self.auth_token, self.identity, self.voice_url, self.timeline
        )

    @property
    def end(self) -> End | None:
        """How the call ended; None while it goes on."""
        return self.signalling.end

    def first_step(self) -> WebhookStep:
        """Tell where the call begins."""
        return self.signalling.first_step()

    def webhook(
        self, path_or_url: str, now: float, *, method: Method = "POST", extra: Mapping[str, str] | None = None
    ) -> HttpRequest:
        """Write the next request for TwiML."""
        return self.signalling.webhook(path_or_url, now, method=method, extra=extra)

    def take_twiml(self, status: int, content_type: str | None, body: bytes, now: float) -> Step:
        """Read the answer to the last webhook and tell how the call goes on."""
        return self.signalling.take_twiml(status, content_type, body, now)

    def fail(self, reason: str, detail: str, now: float) -> End:
        """End the call because the network did not do what the last step asked for."""
        return self.signalling.fail(reason, detail, now)

    def handshake_headers(self, stream_url: str) -> dict[str, str]:
        """Name the headers of Twilio's handshake beyond those of every WebSocket."""
        return self.signalling.handshake_headers(stream_url)

    def begin(self, now: float) -> list[str]:
        """Open the media stream that the last step asked for: the connected and start messages."""
        step = self.signalling.step
        if not isinstance(step, StreamStep):
            raise LocalProtocolError("the TwiML asked for no media stream")
        if self.timeline.started_at is not None:
            self.identity = replace(self.identity, stream_sid=new_sid("MZ", self.identity.stream_sid))
        self._stream = CallerStream(self.recording, self.identity, self.timeline, self.playback)
        return self._stream.begin(step.parameters, now)

    def due(self, now: float) -> list[str]:
        """Write every frame and echoed mark whose time has come, oldest first."""
        return self._stream.due(now) if self._stream else []

    def next_deadline(self) -> float | None:
        """When ``due`` or ``wants_to_hang_up`` must be asked next; None without a stream."""
        return min(self._stream.next_deadline(), self._hang_up_at()) if self._stream else None

    def receive(self, message: str | bytes, now: float) -> None:
        """Take a WebSocket message from the server; what comes after the stop message is not heard."""
        if self._stream:
            self._stream.receive(message, now)

    def press(self, digit: str, now: float) -> list[str]:
        """Write the message for a key that the caller presses."""
        return self._stream.press(digit, now) if self._stream else []

    def wants_to_hang_up(self, now: float) -> bool:
        """Whether the recording is over and the agent has been silent long enough, or spoken far too long."""
        return self._stream is not None and now >= self._hang_up_at()

    def hang_up(self, now: float, *, reason: str = "caller-hung-up") -> list[str]:
        """End the call: what is still due and the stop message, after which the socket is closed without status.

        With another reason the line breaks, and there is no stop message.
        """
        messages = self.due(now)
        if self._stream and reason == "caller-hung-up":
            messages += self._stream.stop(now)
        self._close(now)
        self.signalling.finish(End(reason), now)
        return messages

    def stream_closed(self, code: int | None, now: float) -> Step:
        """Go on with the TwiML after the server closed the stream, or it broke (1006 or None)."""
        if self.end is None:
            self._close(now)
        return self.signalling.stream_closed(code, now)

    def status_callback(self, url: str, now: float, ended_at: datetime) -> HttpRequest:
        """Write the request that reports the end of the call; ``ended_at`` is in UTC."""
        return self.signalling.status_callback(url, now, ended_at)

    def _close(self, now: float) -> None:
        self._stream = None
        self.playback.stop(now)

    def _hang_up_at(self) -> float:
        started_at = self.timeline.started_at or 0.0
        over = started_at + self.recording.duration_ms / 1000
        at = min(max(over, self.playback.audible_until) + self.linger, over + self.give_up_after)
        return at if self.hang_up_after is None else min(at, started_at + self.hang_up_after)
