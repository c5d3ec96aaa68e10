"""Captures of the media streams we serve: what Twilio and we have sent, with its times, on disk."""

from gateway.captures.capture import Capture
from gateway.captures.captures import Captures

__all__ = ["Capture", "Captures"]
