"""The verbs of TwiML that take a call somewhere, each read into the step it comes to. Pure.

Attributes, nouns and limits: Twilio, "TwiML Voice: <Connect>", "<Stream>", "<Dial>", "<Number>", "<Conference>",
"<Gather>", "<Pause>".
"""

from collections.abc import Collection
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from gateway.loadtest.attributes import (
    FaultyDocumentError,
    action,
    flag,
    invalid,
    is_plain,
    method,
    number,
    one_of,
    only,
    text_of,
    webhook,
    whole,
)
from gateway.loadtest.steps import DialStep, GatherStep, PauseStep, StreamStep

MAX_PARAMETER = 500
"""Characters that a <Parameter>'s name and value must stay below, together."""
MAX_NUMBERS = 10
"""Phones that one <Dial> rings at the same time."""
MAX_TIME = 14_400
"""Seconds: what a <Dial> or a <Pause> lasts at most, Twilio's limit of a dialled leg."""
SAID_IN_GATHER = ("Say", "Play", "Pause")

_CALLBACK = ("statusCallback", "statusCallbackEvent", "statusCallbackMethod")
_RECORD = (
    "record",
    "recordingStatusCallback",
    "recordingStatusCallbackEvent",
    "recordingStatusCallbackMethod",
    "trim",
)
_DIAL = frozenset(
    {
        "action", "method", "timeout", "timeLimit", "callerId", "answerOnBridge", "hangupOnStar", "recordingTrack",
        "ringTone", "sequential", "referUrl", "referMethod", "events", "passports", *_RECORD,
    }
)  # fmt: skip
_NUMBER = frozenset(
    {
        "url", "method", "sendDigits", "byoc", "machineDetection", "machineDetectionTimeout",
        "machineDetectionSpeechThreshold", "machineDetectionSpeechEndThreshold", "machineDetectionSilenceTimeout",
        "amdStatusCallback", "amdStatusCallbackMethod", *_CALLBACK,
    }
)  # fmt: skip
_CONFERENCE = frozenset(
    {
        "startConferenceOnEnter", "endConferenceOnExit", "beep", "waitUrl", "waitMethod", "muted", "maxParticipants",
        "participantLabel", "coach", "jitterBufferSize", "region", "eventCallbackUrl", *_CALLBACK, *_RECORD,
    }
)  # fmt: skip
_GATHER = frozenset(
    {"input", "numDigits", "timeout", "action", "method", "finishOnKey", "actionOnEmptyResult"}
)


def connect(verb: Element, base: str, schemes: Collection[str]) -> StreamStep:
    """Read <Connect>: exactly one <Stream> to a URL of one of these schemes."""
    streams = list(verb)
    if [each.tag for each in streams] != ["Stream"]:
        raise invalid("<Connect> without exactly one <Stream>")
    stream = streams[0]
    url = stream.get("url", "")
    _check_stream(url, stream.get("track", "inbound_track"), schemes)
    return StreamStep(url, dict(map(_parameter, stream)), action(verb, base), method(verb))


def dial(verb: Element, base: str) -> DialStep:
    """Read <Dial>: a number as its text, up to ten <Number>s, or one <Conference>."""
    only(verb, _DIAL)
    whole(verb, "timeout", 30, 5, 600)
    whole(verb, "timeLimit", MAX_TIME, 1, MAX_TIME)
    for name in ("answerOnBridge", "hangupOnStar", "sequential"):
        flag(verb, name, default=False)
    if "callerId" in verb.keys():  # noqa: SIM118 - an Element is no mapping
        number(verb.get("callerId", ""))
    nouns = list(verb)
    url, how = action(verb, base), method(verb)
    if [each.tag for each in nouns] == ["Conference"] and not _bare_text(verb):
        return DialStep((_room(nouns[0]),), url, how, is_conference=True)
    return DialStep(_numbers(verb, nouns), url, how)


def gather(verb: Element, base: str) -> GatherStep:
    """Read <Gather> of keys; without an action the document's own URL gets them."""
    only(verb, _GATHER)
    if "dtmf" not in (inputs := verb.get("input", "dtmf").split()) or not {*inputs} <= {"dtmf", "speech"}:
        raise invalid(f"<Gather input={verb.get('input')!r}> gathers no keys")
    for each in verb:
        if each.tag not in SAID_IN_GATHER:
            raise invalid(f"<{each.tag}> in <Gather>")
    whole(verb, "timeout", 5, 1, 600)
    return GatherStep(
        action_url=action(verb, base) or webhook(base, ""),
        action_method=method(verb),
        max_digits=whole(verb, "numDigits", 0, 1, 1000) if verb.get("numDigits") is not None else None,
        finish_on=one_of(verb, "finishOnKey", "#", ("", *"0123456789*#")),
        asks_when_empty=flag(verb, "actionOnEmptyResult", default=False),
    )


def pause(verb: Element) -> PauseStep:
    """Read <Pause>: a second, unless it says otherwise."""
    only(verb, ("length",))
    return PauseStep(float(whole(verb, "length", 1, 1, MAX_TIME)))


def _bare_text(verb: Element) -> str:
    """The text outside a verb's nouns."""
    return "".join([verb.text or "", *(each.tail or "" for each in verb)]).strip()


def _numbers(verb: Element, nouns: list[Element]) -> tuple[str, ...]:
    text = _bare_text(verb)
    if not nouns:
        return (number(text),)
    if text or len(nouns) > MAX_NUMBERS or {each.tag for each in nouns} != {"Number"}:
        raise invalid("<Dial> holds neither a number, nor up to ten <Number>s, nor one <Conference>")
    for each in nouns:
        only(each, _NUMBER)
    return tuple(number((each.text or "").strip()) for each in nouns)


def _room(noun: Element) -> str:
    only(noun, _CONFERENCE)
    for name in ("startConferenceOnEnter", "endConferenceOnExit", "muted"):
        flag(noun, name, default=False)
    one_of(noun, "beep", "true", ("true", "false", "onEnter", "onExit"))
    whole(noun, "maxParticipants", 250, 2, 250)
    if len(noun) or not (name := text_of(noun)):
        raise invalid("<Conference> without a name")
    return name


def _check_stream(url: str, track: str, schemes: Collection[str]) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not is_plain(url):
        raise FaultyDocumentError("stream-url-invalid", f"{url!r} is not an absolute URL")
    if parts.scheme not in schemes:
        raise FaultyDocumentError("stream-not-wss", url)
    if parts.query or parts.fragment:
        raise FaultyDocumentError(
            "stream-url-invalid", f"{url} has a query or a fragment, which media streams do not support"
        )
    if track != "inbound_track":
        raise FaultyDocumentError("stream-track-invalid", track)


def _parameter(element: Element) -> tuple[str, str]:
    name, value = element.get("name"), element.get("value")
    if element.tag != "Parameter" or not name or value is None:
        raise invalid(f"<Stream> with a <{element.tag}> that is no named parameter")
    if len(name) + len(value) >= MAX_PARAMETER:
        raise invalid(f"parameter {name[:40]!r} is too long")
    return name, value
