"""The caller leg: Twilio's media stream, webhooks and signatures."""
