"""The TwiML that joins a call to our media stream."""

from dataclasses import dataclass
from urllib.parse import quote

from gateway.twilio import twiml
from gateway.twilio.signature import websocket_url


@dataclass(frozen=True)
class StreamTwiml:
    """Writes it for one gateway."""

    public_url: str

    def __call__(self, token: str, agent: str | None = None) -> str:
        """Give the document for a stream's token; an ``agent`` that no number leads to goes on in its own address."""
        stream_url = websocket_url(self.public_url, "/twilio/media")
        return twiml.connect_stream(stream_url, token, self.after_url(agent))

    def after_url(self, agent: str | None = None) -> str:
        """Give the address at which Twilio asks how the call goes on."""
        query = f"?agent={quote(agent, safe='')}" if agent else ""
        return f"{self.public_url}/twilio/after{query}"
