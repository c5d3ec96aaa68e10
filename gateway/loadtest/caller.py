"""A caller made from a recording: Twilio's whole part of one call, without sockets and without a clock."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from gateway.errors import LocalProtocolError
from gateway.loadtest.identity import CallIdentity, new_identity, new_sid
from gateway.loadtest.party import Dialled, Party
from gateway.loadtest.playback import PlaybackBuffer
from gateway.loadtest.reactive import Reactive
from gateway.loadtest.recording import Recording, Utterance
from gateway.loadtest.replay import Replay
from gateway.loadtest.script import OpenLoop, Script
from gateway.loadtest.signalling import Signalling
from gateway.loadtest.steps import End, PauseStep, Step, StreamStep, WebhookStep
from gateway.loadtest.stream import CallerStream
from gateway.loadtest.timeline import Timeline
from gateway.loadtest.webhook import HttpRequest, Method

Parting = Literal["hang-up", "change", "break", "fall-silent"]
"""Why a media stream is left by our side: the caller hangs up, REST has other plans for the call, the connection breaks,
or nothing passes it any more although it stays open."""


@dataclass(eq=False, repr=False)  # it holds secrets
class RecordedCaller:
    """Sans-I/O caller and Twilio in one: webhooks, TwiML, media streams, playback. Every ``now`` is float seconds.

    A driver follows the steps. It makes the request of ``webhook`` and hands the answer to ``take_twiml``; or waits
    until ``pause_deadline`` and asks ``pause_over``; or opens a stream, sends what ``begin`` and ``due`` give, passes
    on what comes to ``receive``, and leaves it when there is a ``parting``, with ``hang_up``, ``leave`` or as the loss
    has it, or when the server ends it; then it asks ``stream_closed``. A step that ``signalling.on_change`` cuts short
    goes on with ``signalling.go_on``.
    """

    recording: Recording
    public_url: str
    """The gateway's http(s) address as Twilio knows it; what is signed."""
    auth_token: str
    identity: CallIdentity = field(default_factory=new_identity)
    voice_url: str = "/twilio/voice"
    """Asked first: a path below ``public_url``, or a whole URL."""
    reactive: bool = False
    """Whether the caller waits for the agent to finish, as a person does; else he keeps the recording's own clock."""
    patience: float = 10.0
    """Seconds that a reactive caller waits for an answer before he speaks anyway."""
    barge_in_at: float | None = None
    """Seconds into every answer at which a reactive caller begins to speak over it; None: he hears it out."""
    replay: bool = False
    """Whether the recording, which then is a captured stream's, is sent message for message."""
    linger: float = 3.0
    """Seconds of silence after which the caller hangs up when the recording is over."""
    give_up_after: float = 30.0
    """Seconds after the recording at which the caller hangs up even if the agent still speaks. A reactive caller who
    hears the agent for so long, and longer than his patience, speaks over it."""
    hang_up_after: float | None = None
    """Seconds on the call's clock at which the caller hangs up, whatever happens; None to hear it out. Until the first
    stream that clock counts from the answer."""
    dialled: Dialled | None = None
    """What becomes of a <Dial>, by number or conference name: a ``DialCallStatus``; None: the caller is gone for good.
    It is so at once: no phone's ringing and no talk takes time."""
    presses: str = ""
    """Keys that this party presses when <Gather> asks, at once; when none is left, the wait for one takes no time either."""
    breaks_at: tuple[float, ...] = ()
    """Seconds on the call's clock, above 0, at which an open stream's connection breaks; the call goes on."""
    half_open_at: float | None = None
    """Seconds on the call's clock, above 0, at which Twilio gives an open stream up without a word to the server."""
    timeline: Timeline = field(default_factory=Timeline, init=False)
    playback: PlaybackBuffer = field(default_factory=PlaybackBuffer, init=False)
    signalling: Signalling = field(init=False)
    _script: Script = field(init=False)
    _stream: CallerStream | None = field(default=None, init=False)
    _stream_began_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._script = self._new_script()
        party = Party(self.identity.call_sid, self.dialled, self.presses)
        self.signalling = Signalling(
            self.public_url, self.auth_token, self.identity, self.voice_url, self.timeline, party
        )

    @property
    def end(self) -> End | None:
        """How the call ended; None while it goes on."""
        return self.signalling.end

    @property
    def said_utterances(self) -> tuple[Utterance, ...]:
        """The recording's first utterances, as many as were begun, with the times of the call's clock."""
        return self._script.said_utterances

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
        self._stream_began_at = now
        self._stream = CallerStream(self._script, self.identity, self.timeline, self.playback)
        return self._stream.begin(step.parameters, now)

    def due(self, now: float) -> list[str]:
        """Write every frame and echoed mark whose time has come, oldest first."""
        return self._stream.due(now) if self._stream else []

    def next_deadline(self) -> float | None:
        """When ``due`` and ``parting`` must be asked next; None without a stream."""
        if self._stream is None:
            return None
        if self.signalling.is_changed:
            return -math.inf
        return min(self._stream.next_deadline(), self._hang_up_at(), self._next_loss()[0])

    def parting(self, now: float) -> Parting | None:
        """Why the stream must be left now; None while it goes on."""
        if self._stream is None:
            return "hang-up"
        if self.signalling.is_changed:
            return "change"
        if self.wants_to_hang_up(now):
            return "hang-up"
        lost_at, loss = self._next_loss()
        return loss if now >= lost_at else None

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
        if self.signalling.on_change:
            self.signalling.on_change()
        return messages

    def leave(self, now: float) -> list[str]:
        """Leave the stream for what REST has changed: what is still due and the stop message, then close as ever."""
        messages = self.due(now)
        if self._stream:
            messages += self._stream.stop(now)
        self._close(now)
        return messages

    def stream_closed(self, code: int | None, now: float) -> Step:
        """Go on with the TwiML after the server closed the stream, or it broke (1006 or None)."""
        if self.end is None:
            self._close(now)
        return self.signalling.stream_closed(code, now)

    def pause_deadline(self, step: PauseStep, now: float) -> float:
        """When ``pause_over`` must be asked about a pause that begins now."""
        return min(now + step.seconds, self._out_of_patience_at())

    def pause_over(self, now: float) -> Step:
        """Go on after a pause, unless the caller has hung up in it."""
        if self.end is None and not self.signalling.is_changed and now >= self._out_of_patience_at():
            self.hang_up(now)
        return self.signalling.go_on(now)

    def redirect(self, twiml: bytes | str, now: float) -> bool:
        """Have the call go on with other TwiML at once, as REST does; False if it is over, or still rings."""
        return self.signalling.redirect(twiml, now)

    def end_by_rest(self, now: float) -> bool:
        """End the call as REST does; False if it is over."""
        return self.signalling.end_by_rest(now)

    def status_callback(self, url: str, now: float, ended_at: datetime) -> HttpRequest:
        """Write the request that reports the end of the call; ``ended_at`` is in UTC."""
        return self.signalling.status_callback(url, now, ended_at)

    def _new_script(self) -> Script:
        if self.replay:
            if self.reactive or self.barge_in_at is not None:
                raise ValueError("a replayed capture reacts to nothing")
            return Replay(self.recording, self.timeline)
        if self.reactive:
            return Reactive(
                self.recording,
                self.timeline,
                patience=self.patience,
                longest_wait=self.give_up_after,
                barge_in_at=self.barge_in_at,
            )
        if self.barge_in_at is not None:
            raise ValueError("only a reactive caller knows when the agent speaks")
        return OpenLoop(self.recording, self.timeline)

    def _close(self, now: float) -> None:
        self._stream = None
        self.playback.stop(now)

    def _over_at(self) -> float:
        """When the recording is over, at the latest."""
        return self._began_at() + self._script.over_after

    def _began_at(self) -> float:
        """Zero on the call's clock."""
        began_at = self.timeline.started_at
        return (self.signalling.answered_at if began_at is None else began_at) or 0.0

    def _out_of_patience_at(self) -> float:
        at = self._over_at() + self.give_up_after
        return at if self.hang_up_after is None else min(at, self._began_at() + self.hang_up_after)

    def _hang_up_at(self) -> float:
        hangs_up_after = self._script.hangs_up_after
        if hangs_up_after is not None:
            return min(self._began_at() + hangs_up_after, self._out_of_patience_at())
        silent_at = max(self._over_at(), self.playback.audible_until)
        return min(silent_at + self.linger, self._out_of_patience_at())

    def _next_loss(self) -> tuple[float, Parting]:
        """When and how the open stream will be lost: what falls between two streams is not."""
        losses: list[tuple[float, Parting]] = [(at, "break") for at in self.breaks_at]
        if self.half_open_at is not None:
            losses.append((self.half_open_at, "fall-silent"))
        began_at = self._began_at()
        to_come = ((began_at + at, loss) for at, loss in losses if began_at + at > self._stream_began_at)
        return min(to_come, default=(math.inf, "break"))
