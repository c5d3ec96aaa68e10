"""What Twilio sends on a media stream, as text. Twilio, "Media Streams - WebSocket Messages"; numbers are text."""

import base64
from collections.abc import Mapping

import msgspec

from gateway.loadtest.identity import CallIdentity

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
"""The first message, which names no stream and has no number."""
_encoder = msgspec.json.Encoder()


class CallerMessages:
    """Writes one media stream's messages and numbers them."""

    def __init__(self, identity: CallIdentity) -> None:
        self._identity = identity
        self.n_sequence = 0
        """The last message's sequence number."""

    def start(self, parameters: Mapping[str, str]) -> str:
        """Begin the stream; the parameters are those of the TwiML."""
        return self._message(
            "start",
            {
                "accountSid": self._identity.account_sid,
                "streamSid": self._identity.stream_sid,
                "callSid": self._identity.call_sid,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": dict(parameters),
            },
        )

    def media(self, payload: bytes, chunk: int, timestamp_ms: int) -> str:
        """Carry PCMU, 8 kHz: the ``chunk``-th frame, counted from 1."""
        return self._message(
            "media",
            {
                "track": "inbound",
                "chunk": str(chunk),
                "timestamp": str(timestamp_ms),
                "payload": base64.b64encode(payload).decode(),
            },
        )

    def mark(self, name: str) -> str:
        """Echo a mark."""
        return self._message("mark", {"name": name})

    def dtmf(self, digit: str) -> str:
        """Report a key, one of ``0123456789*#ABCD``."""
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def stop(self) -> str:
        """End the stream."""
        sids = {"accountSid": self._identity.account_sid, "callSid": self._identity.call_sid}
        return self._message("stop", sids)

    def _message(self, event: str, body: Mapping[str, object]) -> str:
        self.n_sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self.n_sequence),
            event: body,
            "streamSid": self._identity.stream_sid,
        }
        return _encoder.encode(message).decode()
