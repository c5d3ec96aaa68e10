"""TwiML as Twilio takes it: a document that is read strictly and worked off verb by verb.

Limits and meanings: Twilio, "TwiML Voice: <Connect>", "<Stream>", "<Reject>", "<Dial>", "<Redirect>". Only the verbs
that a gateway needs are known here; any other one ends the call as an invalid document.
"""

from collections.abc import Iterator
from typing import cast
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from gateway.errors import GatewayError
from gateway.loadtest.steps import End, Step, StreamStep, WebhookStep
from gateway.loadtest.webhook import Method

MAX_BYTES = 64 * 1024
MAX_PARAMETER = 500
"""Characters that a <Parameter>'s name and value must stay below, together."""
_CONTENT_TYPES = ("text/xml", "application/xml")
_SAID_BY_TWILIO = ("Say", "Play", "Pause")


class _FaultyDocumentError(GatewayError):
    """Carries the end of the call out of a document that cannot be used."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.end = End(reason, detail)


class Document:
    """One answer to a webhook. ``next_step`` works it off up to the next thing that takes time."""

    def __init__(self, verbs: Iterator[Element], url: str, *, insecure: bool) -> None:
        self.skipped: list[str] = []
        """Verbs passed over, with their text: what Twilio would have said or played itself."""
        self._verbs = verbs
        self._url = url
        self._schemes = ("ws", "wss") if insecure else ("wss",)
        self._is_first = True

    @classmethod
    def read(
        cls, status: int, content_type: str | None, body: bytes, *, url: str, insecure: bool
    ) -> "Document | End":
        """Read the answer to a webhook asked at ``url``, or tell why the call ends there.

        ``insecure`` allows streams to ``ws://``, for a gateway whose own public URL is ``http://``.
        """
        try:
            _check_answer(status, content_type, body)
            root = _parse(body)
        except _FaultyDocumentError as fault:
            return fault.end
        return cls(iter(root), url, insecure=insecure)

    def next_step(self) -> Step:
        """Go on to the next verb that matters; a document that has run out ends the call."""
        try:
            for verb in self._verbs:
                step = self._take(verb)
                self._is_first = False
                if step is not None:
                    return step
        except _FaultyDocumentError as fault:
            return fault.end
        return End("gateway-hung-up", "end of document")

    def _take(self, verb: Element) -> Step | None:
        match verb.tag:
            case "Connect":
                return self._connect(verb)
            case "Redirect":
                return WebhookStep(self._absolute(verb.text or ""), _method(verb))
            case "Dial":
                return End("transferred", "".join(verb.itertext()).strip())
            case "Hangup":
                return End("gateway-hung-up", "hangup")
            case "Reject":
                return self._reject(verb)
            case tag if tag in _SAID_BY_TWILIO:
                self.skipped.append(" ".join([tag, *"".join(verb.itertext()).split()]))
                return None
        raise _FaultyDocumentError("twiml-invalid", f"<{verb.tag}> is not known here")

    def _reject(self, verb: Element) -> End:
        if not self._is_first:
            raise _FaultyDocumentError("twiml-invalid", "<Reject> after another verb")
        reason = verb.get("reason", "rejected")
        if reason not in ("rejected", "busy"):
            raise _FaultyDocumentError("twiml-invalid", f"<Reject reason={reason!r}>")
        return End(reason)

    def _connect(self, verb: Element) -> StreamStep:
        streams = list(verb)
        if [each.tag for each in streams] != ["Stream"]:
            raise _FaultyDocumentError("twiml-invalid", "<Connect> without exactly one <Stream>")
        stream = streams[0]
        url = stream.get("url", "")
        self._check_stream(url, stream.get("track", "inbound_track"))
        action = verb.get("action")
        action_url = self._absolute(action) if action else None
        return StreamStep(url, dict(map(_parameter, stream)), action_url, _method(verb))

    def _absolute(self, url: str) -> str:
        try:
            absolute = urljoin(self._url, url.strip())
            parts = urlsplit(absolute)
            if (
                _is_plain(absolute)
                and parts.scheme in ("http", "https")
                and parts.hostname
                and parts.port != 0
            ):
                return absolute
        except ValueError:
            pass
        raise _FaultyDocumentError("twiml-invalid", f"{url[:200]!r} is not the URL of a webhook")

    def _check_stream(self, url: str, track: str) -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or not _is_plain(url):
            raise _FaultyDocumentError("stream-url-invalid", f"{url!r} is not an absolute URL")
        if parts.scheme not in self._schemes:
            raise _FaultyDocumentError("stream-not-wss", url)
        if parts.query or parts.fragment:
            raise _FaultyDocumentError(
                "stream-url-invalid", f"{url} has a query or a fragment, which media streams do not support"
            )
        if track != "inbound_track":
            raise _FaultyDocumentError("stream-track-invalid", track)


def _check_answer(status: int, content_type: str | None, body: bytes) -> None:
    if not 200 <= status < 300:
        raise _FaultyDocumentError("webhook-status", str(status))
    if (content_type or "").partition(";")[0].strip().lower() not in _CONTENT_TYPES:
        raise _FaultyDocumentError("webhook-content-type", content_type or "none")
    if len(body) > MAX_BYTES:
        raise _FaultyDocumentError("webhook-too-large", f"more than {MAX_BYTES} bytes")


def _parse(body: bytes) -> Element:
    """Read XML without document types, hence without entities that grow or read files."""
    tree = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = lambda tag, attributes: cast("None", tree.start(tag, attributes))
    parser.EndElementHandler = lambda tag: cast("None", tree.end(tag))
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two: an encoding nobody knows
        raise _FaultyDocumentError("twiml-not-xml", str(error)) from None
    root = tree.close()
    if root.tag != "Response":
        raise _FaultyDocumentError("twiml-invalid", f"<{root.tag}> instead of <Response>")
    return root


def _refuse_doctype(name: str, system_id: str | None, public_id: str | None, has_subset: bool) -> None:  # noqa: ARG001
    raise _FaultyDocumentError("twiml-not-xml", "a document type is declared")


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def _parameter(element: Element) -> tuple[str, str]:
    name, value = element.get("name"), element.get("value")
    if element.tag != "Parameter" or not name or value is None:
        raise _FaultyDocumentError(
            "twiml-invalid", f"<Stream> with a <{element.tag}> that is no named parameter"
        )
    if len(name) + len(value) >= MAX_PARAMETER:
        raise _FaultyDocumentError("twiml-invalid", f"parameter {name[:40]!r} is too long")
    return name, value


def _method(verb: Element) -> Method:
    value = verb.get("method", "POST").upper()
    if value not in ("GET", "POST"):
        raise _FaultyDocumentError("twiml-invalid", f"<{verb.tag} method={value!r}>")
    return cast("Method", value)
