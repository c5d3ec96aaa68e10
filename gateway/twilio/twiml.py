"""The TwiML documents with which we answer Twilio's webhooks. Serve them as ``application/xml``.

Verbs: Twilio, "TwiML Voice". The library escapes every value; no document is put together from strings.
"""

import re

from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]  # it ships no types

MAX_SAY = 4096
"""Characters of one ``<Say>``."""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) cannot hold, not even escaped."""


def connect_stream(stream_url: str, token: str, action_url: str) -> str:
    """Join the call to our media stream.

    The document waits until we close the stream; Twilio then asks ``action_url`` how to go on. The token comes back
    in the start message's custom parameters, since a stream's URL may have no query.
    """
    response = VoiceResponse()
    stream = response.connect(action=action_url, method="POST").stream(url=stream_url)
    stream.parameter(name="token", value=token)
    return str(response)


def busy() -> str:
    """Turn the caller away with a busy tone: the call is not answered and costs nothing."""
    response = VoiceResponse()
    response.reject(reason="busy")
    return str(response)


def dial(
    number: str, *, action_url: str | None = None, timeout: int | None = None, caller_id: str | None = None
) -> str:
    """Connect the caller to another phone (E.164) in our place.

    Args:
        number: Whom to call.
        action_url: Asked how to go on once that phone has hung up, was busy or did not answer.
        timeout: Seconds to ring; Twilio's own 30 if not given.
        caller_id: The number that the phone shows, E.164; the caller's if not given.
    """
    response = VoiceResponse()
    leg = response.dial(action=action_url, method=_post(action_url), timeout=timeout, caller_id=caller_id)
    leg.number(number)
    return str(response)


def join_conference(room: str) -> str:
    """Bring somebody to the caller who waits in a room; the room closes when either leaves."""
    response = VoiceResponse()
    response.dial().conference(room, start_conference_on_enter=True, end_conference_on_exit=True, beep=False)
    return str(response)


def whisper(text: str, action_url: str) -> str:
    """Say something to the phone that was called, and wait 8 s for a key; ``action_url`` gets it.

    Without a key the call ends: what answered may be a voicemail. The text is cut to what ``<Say>`` takes; what XML
    cannot hold is left out.
    """
    response = VoiceResponse()
    gather = response.gather(
        action=action_url, method="POST", input="dtmf", num_digits=1, timeout=8, action_on_empty_result=False
    )
    said = _NOT_XML.sub("", text)[:MAX_SAY].strip()
    if said:  # Twilio takes no empty one (error 13520)
        gather.say(said)
    response.hangup()
    return str(response)


def redirect(url: str, pause_seconds: int = 0) -> str:
    """Have Twilio ask another address how to go on, after a silence."""
    response = VoiceResponse()
    if pause_seconds:
        response.pause(length=pause_seconds)
    response.redirect(url, method="POST")
    return str(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def _post(url: str | None) -> str | None:
    """The method that goes with an address, if there is one."""
    return None if url is None else "POST"
