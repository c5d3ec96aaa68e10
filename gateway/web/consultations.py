"""Twilio's webhooks of a warm transfer: the line of the person who is asked to take the call."""

from dataclasses import dataclass

from starlette.responses import Response

from gateway.transfers import Transfers
from gateway.web.signed import Answer, TwilioRequest, as_twiml


@dataclass(frozen=True)
class Consultations:
    """Answers Twilio. The query names the consultation; the form is about the person's line."""

    transfers: Transfers

    def answers(self) -> dict[str, Answer]:
        """What answers which path below ``/twilio/``."""
        return {"whisper": self.whisper, "whispered": self.whispered, "consulted": self.consulted}

    async def whisper(self, request: TwilioRequest) -> Response:
        """Tell a person who has picked up what the call is about."""
        return as_twiml(self.transfers.whisper(request.query.get("consultation", "")))

    async def whispered(self, request: TwilioRequest) -> Response:
        """Take the key that they pressed."""
        keys = request.form.get("Digits", "")
        return as_twiml(self.transfers.whispered(request.query.get("consultation", ""), keys))

    async def consulted(self, request: TwilioRequest) -> Response:
        """Take the end of their line; other news of it means nothing to us."""
        status = request.form.get("CallStatus", "")
        if status not in {"initiated", "ringing", "in-progress"}:
            self.transfers.consulted(request.query.get("consultation", ""), status)
        return Response(status_code=204)
