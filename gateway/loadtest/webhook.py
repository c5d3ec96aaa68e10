"""The requests with which Twilio asks how a call shall go on, signed as Twilio signs.

Fields and headers: Twilio, "TwiML Voice Request Parameters" and captures of live requests; most of what Twilio knows
about a number's place is blank in practice, and signed all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it ships no types

from gateway.loadtest.identity import CallIdentity

Method = Literal["GET", "POST"]
_PARTIES = ("From", "Caller", "To", "Called")
_PLACES = ("City", "State", "Zip", "Country")


@dataclass(frozen=True)
class HttpRequest:
    """A request to send as it stands: the signature covers the URL and the body."""

    method: Method
    url: str
    headers: Mapping[str, str]
    body: bytes


def call_fields(identity: CallIdentity, call_status: str) -> dict[str, str]:
    """Name what Twilio tells about a call in every request."""
    numbers = {"From": identity.from_number, "To": identity.to_number}
    numbers |= {"Caller": identity.from_number, "Called": identity.to_number}
    places = {party + place: "" for party in _PARTIES for place in _PLACES}
    return {
        "AccountSid": identity.account_sid,
        "ApiVersion": "2010-04-01",
        "CallSid": identity.call_sid,
        "CallStatus": call_status,
        "Direction": identity.direction,
        **numbers,
        **places,
        "FromCountry": "US",
        "CallerCountry": "US",
        "ToCountry": "US",
        "CalledCountry": "US",
    }


def completed_fields(duration: float, ended_at: datetime) -> dict[str, str]:
    """Name what the status callback at a call's end tells beyond ``call_fields``; ``duration`` is in seconds."""
    seconds = round(duration)
    return {
        "CallDuration": str(seconds),
        "Duration": str(-(-seconds // 60)),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "0",
        "Timestamp": ended_at.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    }


def answered_by_fields(identity: CallIdentity, answered_by: str, seconds: float) -> dict[str, str]:
    """Name what asynchronous machine detection tells: who answered, found after so many seconds."""
    return {
        "AccountSid": identity.account_sid,
        "CallSid": identity.call_sid,
        "AnsweredBy": answered_by,
        "MachineDetectionDuration": str(round(seconds * 1000)),
    }


def signed_request(method: Method, url: str, fields: Mapping[str, str], auth_token: str) -> HttpRequest:
    """Put fields into a form (POST) or the query (GET) and sign. The fragment configures Twilio and is not sent."""
    url = url.partition("#")[0]
    if method == "GET":
        url += ("&" if "?" in url else "?") + urlencode(fields)
        return HttpRequest("GET", url, _headers(sign(url, {}, auth_token)), b"")
    headers = _headers(sign(url, fields, auth_token))
    headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
    return HttpRequest("POST", url, headers, urlencode(fields).encode())


def sign(url: str, fields: Mapping[str, str], auth_token: str) -> str:
    """Compute X-Twilio-Signature; for a WebSocket handshake over the ``wss://`` URL without fields."""
    signature: str = RequestValidator(auth_token).compute_signature(url, dict(fields))
    return signature


def _headers(signature: str) -> dict[str, str]:
    return {
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "X-Home-Region": "us1",
        "X-Twilio-Signature": signature,
    }
