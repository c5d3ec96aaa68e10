"""The telephony voice gateway: a realtime speech model on a phone number."""

__version__ = "0.1.0"
