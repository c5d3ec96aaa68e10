"""Who telephones whom: the identifiers of one call, random or from a seed."""

import hashlib
import secrets
from dataclasses import dataclass


@dataclass(frozen=True)
class CallIdentity:
    """The identifiers of one call. The default numbers are ones that Twilio reserves for tests."""

    account_sid: str
    call_sid: str
    stream_sid: str
    """Of the first media stream."""
    from_number: str = "+15005550001"
    """E.164, as is the next."""
    to_number: str = "+15005550006"


def new_identity(seed: int | str | None = None, *, account_sid: str | None = None) -> CallIdentity:
    """Make up a call's identifiers; the same for the same seed, unguessable without one."""
    seed = secrets.token_hex(16) if seed is None else seed
    return CallIdentity(
        account_sid=account_sid or new_sid("AC", f"account {seed}"),
        call_sid=new_sid("CA", f"call {seed}"),
        stream_sid=new_sid("MZ", f"stream {seed}"),
    )


def new_sid(prefix: str, seed: str) -> str:
    """Derive a Twilio identifier, two letters and 32 hexadecimal digits, from a text."""
    return prefix + hashlib.sha256(seed.encode()).hexdigest()[:32]
