"""Twilio's part of a call: a recorded caller that telephones the gateway and measures what it hears."""
