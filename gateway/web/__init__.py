"""The front door: Twilio's webhooks, the media stream's WebSocket, health and metrics."""
