"""TwiML as Twilio takes it: a document that is read strictly and worked off verb by verb.

Limits and meanings: Twilio, "TwiML Voice: <Reject>", "<Redirect>". Only the verbs that a gateway needs are known here;
any other one ends the call as an invalid document.
"""

from collections.abc import Iterator
from typing import cast
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from gateway.loadtest import verbs
from gateway.loadtest.attributes import FaultyDocumentError, invalid, method, one_of, text_of, webhook
from gateway.loadtest.steps import DialStep, End, GatherStep, Step, WebhookStep

MAX_BYTES = 64 * 1024
_CONTENT_TYPES = ("text/xml", "application/xml")

VerbStep = Step | DialStep | GatherStep
"""What a verb comes to. How the last two go on depends on who is dialled, and on who is asked for keys."""


class Document:
    """One answer to a webhook. ``next_step`` works it off up to the next thing that takes time."""

    def __init__(self, elements: Iterator[Element], url: str, *, insecure: bool) -> None:
        self.skipped: list[str] = []
        """Verbs passed over, with their text: what Twilio would have said or played itself."""
        self._verbs = elements
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
        except FaultyDocumentError as fault:
            return fault.end
        return cls(iter(root), url, insecure=insecure)

    def next_step(self) -> VerbStep:
        """Go on to the next verb that matters; a document that has run out ends the call."""
        try:
            for verb in self._verbs:
                step = self._take(verb)
                self._is_first = False
                if step is not None:
                    return step
        except FaultyDocumentError as fault:
            return fault.end
        return End("gateway-hung-up", "end of document")

    def _take(self, verb: Element) -> VerbStep | None:
        step: VerbStep | None = None
        match verb.tag:
            case "Connect":
                step = verbs.connect(verb, self._url, self._schemes)
            case "Redirect":
                step = WebhookStep(webhook(self._url, verb.text or ""), method(verb))
            case "Dial":
                step = verbs.dial(verb, self._url)
            case "Gather":
                step = self._gather(verb)
            case "Pause":
                step = verbs.pause(verb)
            case "Hangup":
                step = End("gateway-hung-up", "hangup")
            case "Reject":
                step = self._reject(verb)
            case "Say" | "Play":
                self._skip(verb)
            case _:
                raise invalid(f"<{verb.tag}> is not known here")
        return step

    def _gather(self, verb: Element) -> GatherStep:
        step = verbs.gather(verb, self._url)
        for each in verb:
            self._skip(each)
        return step

    def _skip(self, verb: Element) -> None:
        self.skipped.append(f"{verb.tag} {text_of(verb)}".rstrip())

    def _reject(self, verb: Element) -> End:
        if not self._is_first:
            raise invalid("<Reject> after another verb")
        return End(one_of(verb, "reason", "rejected", ("rejected", "busy")))


def _check_answer(status: int, content_type: str | None, body: bytes) -> None:
    if not 200 <= status < 300:
        raise FaultyDocumentError("webhook-status", str(status))
    if (content_type or "").partition(";")[0].strip().lower() not in _CONTENT_TYPES:
        raise FaultyDocumentError("webhook-content-type", content_type or "none")
    if len(body) > MAX_BYTES:
        raise FaultyDocumentError("webhook-too-large", f"more than {MAX_BYTES} bytes")


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
        raise FaultyDocumentError("twiml-not-xml", str(error)) from None
    root = tree.close()
    if root.tag != "Response":
        raise invalid(f"<{root.tag}> instead of <Response>")
    return root


def _refuse_doctype(name: str, system_id: str | None, public_id: str | None, has_subset: bool) -> None:  # noqa: ARG001
    raise FaultyDocumentError("twiml-not-xml", "a document type is declared")
