"""Who telephones whom: the identifiers of one call, random or from a seed."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

Direction = Literal["inbound", "outbound-api"]
"""Somebody calls us, or we have somebody called."""


@dataclass(frozen=True)
class CallIdentity:
    """The identifiers of one call. The default numbers are ones that Twilio reserves for tests."""

    account_sid: str
    call_sid: str
    stream_sid: str
    """Of the first media stream."""
    from_number: str = "+15005550001"
    """E.164, as is the next. Who calls: on an outbound call that is us."""
    to_number: str = "+15005550006"
    direction: Direction = "inbound"

    @property
    def is_outbound(self) -> bool:
        """Whether the call was answered before the first webhook."""
        return self.direction == "outbound-api"


def new_identity(
    seed: int | str | None = None, *, account_sid: str | None = None, direction: Direction = "inbound"
) -> CallIdentity:
    """Make up a call's identifiers; the same for the same seed, unguessable without one.

    An outbound call goes from our number to the person's, so the default numbers change places.
    """
    numbers = (CallIdentity.from_number, CallIdentity.to_number)
    from_number, to_number = numbers if direction == "inbound" else reversed(numbers)
    seed = secrets.token_hex(16) if seed is None else seed
    return CallIdentity(
        account_sid=account_sid or new_sid("AC", f"account {seed}"),
        call_sid=new_sid("CA", f"call {seed}"),
        stream_sid=new_sid("MZ", f"stream {seed}"),
        from_number=from_number,
        to_number=to_number,
        direction=direction,
    )


def new_sid(prefix: str, seed: str) -> str:
    """Derive a Twilio identifier, two letters and 32 hexadecimal digits, from a text."""
    return prefix + hashlib.sha256(seed.encode()).hexdigest()[:32]
