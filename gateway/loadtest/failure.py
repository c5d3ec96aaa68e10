"""Which calls have failed for a load test: more of them than Twilio would log an error of. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.loadtest.caller import RecordedCaller
from gateway.loadtest.steps import End

REASONS: Mapping[str, int] = MappingProxyType({"stream-broken": 31903, "stream-given-up": 31921})
"""Beyond those of ``steps.REASONS``, with Twilio's code: the server broke the media stream, or closed it with a code that
tells of an error. The TwiML goes on after it, as with Twilio, and so the call itself may end as it should."""
_BROKEN = 1006
_NORMAL = (1000, 1005)
_FIRST_PRIVATE = 3000
"""RFC 6455, section 7.4.2: from here on codes mean what the server's authors want."""


def outcome(caller: RecordedCaller, end: End) -> tuple[str, str]:
    """Tell how a finished call ended for the load test: reason and detail.

    Where another stream followed the one that was lost, the caller was served again, and all is well.
    """
    streams = [each for each in caller.timeline.events if each.kind in ("stream-started", "stream-closed")]
    if not end.failed and streams and streams[-1].kind == "stream-closed":
        code = int(streams[-1].detail)
        if code == _BROKEN:
            return "stream-broken", f"then {end}"
        if code not in _NORMAL and code < _FIRST_PRIVATE:
            return "stream-given-up", f"{code}, then {end}"
    return end.reason, end.detail


def has_failed(caller: RecordedCaller, end: End) -> bool:
    """Whether a finished call has failed: by a fault, or because the server would not talk.

    A caller who was turned away has got no service, whatever the TwiML made of it. One whom the load test itself has
    hung up for, before the server had answered, tells nothing.
    """
    if end.failed or outcome(caller, end)[0] in REASONS:
        return True
    return caller.timeline.started_at is None and caller.hang_up_after is None
