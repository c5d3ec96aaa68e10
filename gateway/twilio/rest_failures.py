"""Failures of Twilio's REST API in our words: no phone numbers, addresses, identifiers or secrets.

Codes: Twilio, "Error and warning dictionary".
"""

import json
from typing import Any

from gateway.errors import TwilioRestError

_MEANINGS = {
    10004: "the account has too many calls at once",
    20003: "the credentials are wrong or lack a permission",
    20005: "the account is not active",
    20404: "there is no such call",
    20429: "too many requests",
    21205: "the webhook's address is not accepted",
    21210: "the number to call from is not verified",
    21211: "the number to call is not valid",
    21212: "the number to call from is not valid",
    21214: "the number to call cannot be reached",
    21215: "the account has no permission to call that country",
    21216: "the number to call is blocked",
    21217: "the number to call is not valid",
    21219: "a trial account calls verified numbers only",
    21220: "the call is not in progress",
    21402: "an address is not accepted",
    22005: "the account's queue of calls is full",
}


def refused(exc: Any) -> TwilioRestError:
    """Tell of an error status. Twilio's own words are left out: they repeat numbers and addresses."""
    status, code = _status_and_code(exc)
    meaning = _MEANINGS.get(code, "request not accepted" if status < 500 else "Twilio has trouble")
    named = f"status {status}, code {code}" if code else f"status {status}"
    return TwilioRestError(f"Twilio refused: {meaning} ({named})", kind="refused", status=status, code=code)


def _status_and_code(exc: Any) -> tuple[int, int]:
    """Find both, each 0 where there is none: a refused page of a list is told of by the bare answer alone."""
    status, code = getattr(exc, "status", None), getattr(exc, "code", None)
    answer = exc.args[1] if status is None and len(exc.args) > 1 else None
    if answer is not None:
        status = getattr(answer, "status_code", None)
        try:
            code = json.loads(answer.text)["code"]
        except (AttributeError, LookupError, TypeError, ValueError):
            code = None
    status = status if isinstance(status, int) else 0
    return status, code if isinstance(code, int) and code != status else 0


def not_asked(exc: OSError) -> TwilioRestError:
    """Tell of trouble with the network: nobody there, nobody answering, or a connection that broke."""
    from requests.exceptions import ConnectTimeout, Timeout  # noqa: PLC0415 - the library's, as lazily as itself
    from urllib3.exceptions import NewConnectionError  # noqa: PLC0415

    reason = getattr(exc.args[0], "reason", None) if exc.args else None
    if isinstance(exc, ConnectTimeout) or isinstance(reason, NewConnectionError):
        return TwilioRestError("Twilio cannot be reached", kind="unreachable")
    if isinstance(exc, Timeout):
        return timed_out()
    return TwilioRestError("the connection to Twilio broke", kind="lost")


def timed_out() -> TwilioRestError:
    """Tell that nobody answered in time."""
    return TwilioRestError("Twilio did not answer in time", kind="timeout")


def crowded() -> TwilioRestError:
    """Tell that no thread was free in time, so that nothing was sent."""
    return TwilioRestError("the request was not sent: Twilio is slow to answer others", kind="crowded")


def unreadable() -> TwilioRestError:
    """Tell of an answer that is not what the library reads."""
    return TwilioRestError("Twilio's answer cannot be read", kind="unreadable")
