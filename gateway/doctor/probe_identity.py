"""Who the doctor's requests say they are: a call of the account's from nobody, marked as a probe."""

from dataclasses import replace

from gateway.loadtest.identity import CallIdentity, new_identity

WITHHELD = "anonymous"
"""The caller: nobody, whom no limit of calls counts."""
VOICE_PATH = "/twilio/voice?probe=doctor"
"""Asked by a probing call: the gateway's log names it as one, and a caller's place is never taken by it."""


def probe_identity(account_sid: str | None, to_number: str | None = None) -> CallIdentity:
    """Make up a call's identifiers, for the dialled number if one is given."""
    identity = replace(new_identity(account_sid=account_sid), from_number=WITHHELD)
    return identity if to_number is None else replace(identity, to_number=to_number)
