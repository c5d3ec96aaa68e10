"""The TwiML documents with which we answer Twilio's webhooks. Serve them as ``application/xml``.

Verbs: Twilio, "TwiML Voice". The library escapes every value; no document is put together from strings.
"""

from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]  # it ships no types


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


def dial(number: str) -> str:
    """Connect the caller to another phone (E.164) in our place."""
    response = VoiceResponse()
    response.dial().number(number)
    return str(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)
