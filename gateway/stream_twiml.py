"""The TwiML that joins a call to our media stream."""

from dataclasses import dataclass

from gateway.twilio import twiml
from gateway.twilio.signature import websocket_url


@dataclass(frozen=True)
class StreamTwiml:
    """Writes it for one gateway."""

    public_url: str

    def __call__(self, token: str) -> str:
        """Give the document for a stream's token."""
        stream_url = websocket_url(self.public_url, "/twilio/media")
        return twiml.connect_stream(stream_url, token, f"{self.public_url}/twilio/after")
