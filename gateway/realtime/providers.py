"""Who answers: the address and the headers of a realtime server."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

OPENAI_URL = "wss://api.openai.com/v1/realtime"


@dataclass(frozen=True)
class Provider:
    """A server that speaks the GA protocol."""

    url: str
    """Without the model; a query of its own is kept."""
    model: str
    api_key: str | None = field(default=None, repr=False)

    def connect_url(self, model: str | None = None) -> str:
        """The address of a new session."""
        parts = urlsplit(self.url)
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "model"]
        return urlunsplit(parts._replace(query=urlencode([*query, ("model", model or self.model)])))

    def headers(self) -> dict[str, str]:
        """The handshake's headers. The beta header must not be sent: it selects a shape that is switched off."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
