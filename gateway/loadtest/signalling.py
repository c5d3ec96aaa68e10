"""Twilio's signalling of one call: webhooks out, TwiML in, step by step to the end. No sockets, no clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from gateway.errors import LocalProtocolError
from gateway.loadtest.document import Document
from gateway.loadtest.identity import CallIdentity
from gateway.loadtest.party import Party
from gateway.loadtest.steps import DialStep, End, GatherStep, PauseStep, Step, StreamStep, WebhookStep
from gateway.loadtest.timeline import MAX_DETAIL, Timeline
from gateway.loadtest.webhook import (
    HttpRequest,
    Method,
    answered_by_fields,
    call_fields,
    completed_fields,
    sign,
    signed_request,
)

MAX_WEBHOOKS = 20
"""Requests that one call makes before it is taken for a loop."""


@dataclass(eq=False, repr=False)  # it holds secrets
class Signalling:
    """Sans-I/O: what Twilio asks the gateway on one call's behalf, and what it makes of the answers.

    A driver follows the steps: it makes the request of ``webhook`` and hands the answer to ``take_twiml``, opens
    a media stream and says how that ended with ``stream_closed``, or waits and then asks ``go_on``. It breaks off a
    step that ``on_change`` interrupts, and asks ``go_on`` then too. Every ``now`` is float seconds.
    """

    public_url: str
    """The gateway's http(s) address as Twilio knows it; what is signed."""
    auth_token: str
    identity: CallIdentity
    voice_url: str = "/twilio/voice"
    """Asked first: a path below ``public_url``, or a whole URL."""
    timeline: Timeline = field(default_factory=Timeline)
    party: Party | None = None
    """Who is dialled and who presses keys; None: nobody does, and who is put through is gone."""
    on_change: Callable[[], None] | None = field(default=None, init=False)
    """Told when the call is changed or ended from outside, so that nobody waits on."""
    end: End | None = field(default=None, init=False)
    """How the call ended; None while it goes on."""
    step: Step | None = field(default=None, init=False)
    """What the last TwiML asked for."""
    _document: Document | None = field(default=None, init=False)
    _n_webhooks: int = field(default=0, init=False)
    answered_at: float | None = field(default=None, init=False)
    """When the call was answered; None while it rings."""
    _change: Document | End | None = field(default=None, init=False)
    _webhook_url: str = field(default="", init=False)

    def first_step(self) -> WebhookStep:
        """Tell where the call begins."""
        return WebhookStep(self._absolute(self.voice_url))

    def webhook(
        self, path_or_url: str, now: float, *, method: Method = "POST", extra: Mapping[str, str] | None = None
    ) -> HttpRequest:
        """Write the next request for TwiML: an inbound call's first one says that it rings, others that it is on."""
        self._n_webhooks += 1
        self._webhook_url = self._absolute(path_or_url)
        if self.identity.is_outbound and self.answered_at is None:
            self.answered_at = now
        status = "ringing" if self._n_webhooks == 1 and not self.identity.is_outbound else "in-progress"
        fields = {**call_fields(self.identity, status), **(extra or {})}
        self.timeline.record(now, "webhook-sent", self._webhook_url)
        return signed_request(method, self._webhook_url, fields, self.auth_token)

    def take_twiml(self, status: int, content_type: str | None, body: bytes, now: float) -> Step:
        """Read the answer to the last webhook and tell how the call goes on."""
        if self.end or self._change:
            return self.go_on(now)
        document = self._read(status, content_type, body)
        if self.answered_at is None and not isinstance(document, End):
            self.answered_at = now
        return self._begin(document, now)

    def go_on(self, now: float) -> Step:
        """Go on with the TwiML after a pause, or after a step that the call's end or a change has cut short."""
        if self.end:
            return self.end
        change, self._change = self._change, None
        if change:
            return self._begin(change, now)
        if self._document is None:
            raise LocalProtocolError("there was no TwiML yet")
        return self._work_off(self._document, now)

    @property
    def is_changed(self) -> bool:
        """Whether other TwiML, or the end, waits for the step that goes on to be left."""
        return self._change is not None

    def redirect(self, twiml: bytes | str, now: float) -> bool:
        """Have the call go on with this document at once, as REST does; False if it does not go on, or only rings."""
        if self.answered_at is None:
            return False
        body = twiml.encode() if isinstance(twiml, str) else twiml
        return self._change_to(self._read(200, "text/xml", body), "redirected", now)

    def end_by_rest(self, now: float) -> bool:
        """End the call as REST does; False if it is over."""
        return self._change_to(End("gateway-hung-up", "over REST"), "ended", now)

    def fail(self, reason: str, detail: str, now: float) -> End:
        """End the call because the network did not do what the last step asked for."""
        return self.finish(End(reason, detail), now)

    def finish(self, end: End, now: float) -> End:
        """End the call."""
        self._take(end, now)
        return self.end or end

    def handshake_headers(self, stream_url: str) -> dict[str, str]:
        """Name the headers of Twilio's handshake beyond those of every WebSocket; no Origin, no extensions."""
        return {
            "user-agent": "Twilio.TmeWs/1.0",
            "x-twilio-signature": sign(stream_url, {}, self.auth_token),
            "accept-encoding": "gzip",
        }

    def stream_closed(self, code: int | None, now: float) -> Step:
        """Go on with the TwiML after the server closed the stream, or it broke (1006 or None)."""
        if self.end:
            return self.end
        self.timeline.record(now, "stream-closed", str(code or 1006))
        if self._change:
            return self.go_on(now)
        if code in (None, 1006):
            self.timeline.record_fault(now, "31903", "the connection broke")
        step = self.step
        if isinstance(step, StreamStep) and step.action_url:
            return self._take(WebhookStep(step.action_url, step.action_method), now)
        return self.go_on(now)

    def answered_by_callback(self, url: str, answered_by: str, seconds: float) -> HttpRequest:
        """Write the request by which asynchronous machine detection tells what it found after so many seconds."""
        fields = answered_by_fields(self.identity, answered_by, seconds)
        return signed_request("POST", self._absolute(url), fields, self.auth_token)

    def status_callback(self, url: str, now: float, ended_at: datetime) -> HttpRequest:
        """Write the request that reports the end of the call; ``ended_at`` is in UTC."""
        statuses = {"busy": "busy", "rejected": "no-answer"}
        status = statuses.get(self.end.reason if self.end else "", "completed")
        duration = 0.0 if self.answered_at is None or status != "completed" else now - self.answered_at
        fields = {**call_fields(self.identity, status), **completed_fields(duration, ended_at)}
        return signed_request("POST", self._absolute(url), fields, self.auth_token)

    def _absolute(self, path_or_url: str) -> str:
        return path_or_url if urlsplit(path_or_url).scheme else self.public_url.rstrip("/") + path_or_url

    def _read(self, status: int, content_type: str | None, body: bytes) -> Document | End:
        insecure = self.public_url.startswith("http://")
        return Document.read(status, content_type, body, url=self._webhook_url, insecure=insecure)

    def _change_to(self, change: Document | End, what: str, now: float) -> bool:
        if self.end or isinstance(self._change, End):
            return False
        self._change = change
        self.timeline.record(now, "call-changed", what)
        if self.on_change:
            self.on_change()
        return True

    def _begin(self, document: Document | End, now: float) -> Step:
        if isinstance(document, End):
            return self._take(document, now)
        self._document = document
        return self._work_off(document, now)

    def _work_off(self, document: Document, now: float) -> Step:
        while True:
            verb = document.next_step()
            for each in document.skipped:
                self.timeline.record(now, "verb-skipped", each)
            document.skipped.clear()
            step = self._ask_party(verb, now) if isinstance(verb, (DialStep, GatherStep)) else verb
            if step is not None:
                return self._take(step, now)

    def _ask_party(self, verb: DialStep | GatherStep, now: float) -> Step | None:
        party = self.party or Party(self.identity.call_sid)
        if isinstance(verb, GatherStep):
            self.timeline.record(now, "keys-asked")
            return party.gather(verb)
        self.timeline.record(now, "dialled", str(verb))
        return party.dial(verb)

    def _take(self, step: Step, now: float) -> Step:
        if isinstance(step, WebhookStep) and self._n_webhooks >= MAX_WEBHOOKS:
            step = End("webhook-loop", f"{self._n_webhooks} requests")
        if isinstance(step, End):
            step = self.end = End(step.reason, step.detail[:MAX_DETAIL])
            self.timeline.record(now, "ended", str(step))
        else:
            what = f"pause of {step.seconds:g} s" if isinstance(step, PauseStep) else step.url
            self.timeline.record(now, "twiml-taken", what)
        self.step = step
        return step
