"""Every exception the gateway raises on purpose.

GatewayError
    SettingsError
    ProtocolError
        LocalProtocolError      we broke the rules
        RemoteProtocolError     the peer did
    RealtimeError               the model leg cannot go on
    TwilioRestError             Twilio's REST API did not do what we asked
    ToolError                   a tool cannot be had, or says why it failed
    CallEnded                   not a fault: carries a call's ending out of its tasks
"""

from typing import Literal

from gateway.ending import Ending

RestFailure = Literal["refused", "unreadable", "lost", "timeout", "unreachable", "crowded"]
"""An error status; an answer we cannot read; a broken connection; no answer in time; no connection; no thread free."""


class GatewayError(Exception):
    """Anything the gateway raises on purpose."""


class SettingsError(GatewayError):
    """The operator's settings cannot be used; the message has one line per mistake."""


class ProtocolError(GatewayError):
    """Somebody broke a protocol."""


class LocalProtocolError(ProtocolError):
    """We were about to break a protocol: a bug of ours."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a protocol; the message is counted and skipped, or ends that one call."""


class RealtimeError(GatewayError):
    """The model leg cannot be set up or cannot go on.

    ``code`` is the peer's word for it where it has one (``invalid_api_key``), else ours (``timeout``).
    """

    def __init__(self, message: str, *, code: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after
        """Seconds that the peer asks us to wait before we try again."""


class TwilioRestError(GatewayError):
    """Twilio's REST API refused a request, or could not be asked.

    The message is one line for operators, without phone numbers, addresses, identifiers or secrets. ``status`` is the
    HTTP status and ``code`` Twilio's own (21211); each is 0 where there is none.
    """

    def __init__(self, message: str, *, kind: RestFailure, status: int = 0, code: int = 0) -> None:
        super().__init__(message)
        self.kind: RestFailure = kind
        self.status = status
        self.code = code

    @property
    def is_passing(self) -> bool:
        """Whether another try may soon succeed."""
        return self.kind in {"lost", "unreachable"} or self.status == 429 or self.status >= 500

    @property
    def is_in_doubt(self) -> bool:
        """Whether what we asked for may have been done all the same."""
        return self.kind in {"lost", "timeout", "unreadable"} or self.status >= 500


class ToolError(GatewayError):
    """A tool cannot be registered, or failed in words meant for the model.

    Raised inside a tool, its message is what the model gets to read, and may say to the caller.
    """


class CallEnded(GatewayError):  # noqa: N818 - it is no error
    """Carries a call's ending out of whatever noticed it."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(str(ending))
        self.ending = ending
