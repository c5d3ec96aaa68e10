"""The TwiML that joins a call to our media stream."""

from dataclasses import dataclass

from gateway.outbound import for_agent
from gateway.twilio import twiml
from gateway.twilio.signature import websocket_url


@dataclass(frozen=True)
class StreamTwiml:
    """Writes it for one gateway."""

    public_url: str

    def __call__(self, token: str, agent: str | None = None) -> str:
        """Give the document for a stream's token; ``agent`` is that of a call we placed."""
        stream_url = websocket_url(self.public_url, "/twilio/media")
        return twiml.connect_stream(stream_url, token, for_agent(f"{self.public_url}/twilio/after", agent))
