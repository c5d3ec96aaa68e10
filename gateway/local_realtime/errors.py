"""What the embedded server answers to a client event it cannot honour."""

from gateway.errors import RemoteProtocolError


class ClientEventError(RemoteProtocolError):
    """The client's event is refused and nothing of it is applied; becomes an ``error`` event.

    ``code`` and ``param`` are the Realtime protocol's: what kind of mistake, and in which field.
    """

    def __init__(self, message: str, *, code: str = "invalid_value", param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id: str | None = None
        """The client's own id of the event, where it could be read."""
