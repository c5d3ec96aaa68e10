"""Twilio's signalling of one call: webhooks out, TwiML in, step by step to the end. No sockets, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from gateway.errors import LocalProtocolError
from gateway.loadtest.document import Document
from gateway.loadtest.identity import CallIdentity
from gateway.loadtest.steps import End, Step, StreamStep, WebhookStep
from gateway.loadtest.timeline import Timeline
from gateway.loadtest.webhook import HttpRequest, Method, call_fields, completed_fields, sign, signed_request

MAX_WEBHOOKS = 20
"""Requests that one call makes before it is taken for a loop."""


@dataclass(eq=False, repr=False)  # it holds secrets
class Signalling:
    """Sans-I/O: what Twilio asks the gateway on one call's behalf, and what it makes of the answers.

    A driver follows the steps: it makes the request of ``webhook`` and hands the answer to ``take_twiml``, or opens
    a media stream and says how that ended with ``stream_closed``. Every ``now`` is float seconds.
    """

    public_url: str
    """The gateway's http(s) address as Twilio knows it; what is signed."""
    auth_token: str
    identity: CallIdentity
    voice_url: str = "/twilio/voice"
    """Asked first: a path below ``public_url``, or a whole URL."""
    timeline: Timeline = field(default_factory=Timeline)
    end: End | None = field(default=None, init=False)
    """How the call ended; None while it goes on."""
    step: Step | None = field(default=None, init=False)
    """What the last TwiML asked for."""
    _document: Document | None = field(default=None, init=False)
    _n_webhooks: int = field(default=0, init=False)
    _answered_at: float | None = field(default=None, init=False)
    _webhook_url: str = field(default="", init=False)

    def first_step(self) -> WebhookStep:
        """Tell where the call begins."""
        return WebhookStep(self._absolute(self.voice_url))

    def webhook(
        self, path_or_url: str, now: float, *, method: Method = "POST", extra: Mapping[str, str] | None = None
    ) -> HttpRequest:
        """Write the next request for TwiML: the first one says that it rings, the others that the call is on."""
        self._n_webhooks += 1
        self._webhook_url = self._absolute(path_or_url)
        status = "ringing" if self._n_webhooks == 1 else "in-progress"
        fields = {**call_fields(self.identity, status), **(extra or {})}
        self.timeline.record(now, "webhook-sent", self._webhook_url)
        return signed_request(method, self._webhook_url, fields, self.auth_token)

    def take_twiml(self, status: int, content_type: str | None, body: bytes, now: float) -> Step:
        """Read the answer to the last webhook and tell how the call goes on."""
        insecure = self.public_url.startswith("http://")
        document = Document.read(status, content_type, body, url=self._webhook_url, insecure=insecure)
        if isinstance(document, End):
            return self._take(document, now)
        self._document = document
        if self._answered_at is None:
            self._answered_at = now
        return self._go_on(document, now)

    def fail(self, reason: str, detail: str, now: float) -> End:
        """End the call because the network did not do what the last step asked for."""
        return self.finish(End(reason, detail), now)

    def finish(self, end: End, now: float) -> End:
        """End the call."""
        self._take(end, now)
        return end

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
        if code in (None, 1006):
            self.timeline.record_fault(now, "31903", "the connection broke")
        step = self.step
        if isinstance(step, StreamStep) and step.action_url:
            return self._take(WebhookStep(step.action_url, step.action_method), now)
        if self._document is None:
            raise LocalProtocolError("no media stream was open")
        return self._go_on(self._document, now)

    def status_callback(self, url: str, now: float, ended_at: datetime) -> HttpRequest:
        """Write the request that reports the end of the call; ``ended_at`` is in UTC."""
        statuses = {"busy": "busy", "rejected": "no-answer"}
        status = statuses.get(self.end.reason if self.end else "", "completed")
        duration = 0.0 if self._answered_at is None or status != "completed" else now - self._answered_at
        fields = {**call_fields(self.identity, status), **completed_fields(duration, ended_at)}
        return signed_request("POST", self._absolute(url), fields, self.auth_token)

    def _absolute(self, path_or_url: str) -> str:
        return path_or_url if urlsplit(path_or_url).scheme else self.public_url.rstrip("/") + path_or_url

    def _go_on(self, document: Document, now: float) -> Step:
        step = document.next_step()
        for verb in document.skipped:
            self.timeline.record(now, "verb-skipped", verb)
        document.skipped.clear()
        return self._take(step, now)

    def _take(self, step: Step, now: float) -> Step:
        if isinstance(step, WebhookStep) and self._n_webhooks >= MAX_WEBHOOKS:
            step = End("webhook-loop", f"{self._n_webhooks} requests")
        self.step = step
        if isinstance(step, End):
            self.end = step
            self.timeline.record(now, "ended", str(step))
        else:
            self.timeline.record(now, "twiml-taken", step.url)
        return step
