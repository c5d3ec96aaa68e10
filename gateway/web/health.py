"""Health and metrics, for balancers and monitoring."""

import hmac
import ipaddress
import time
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.active_calls import ActiveCalls
from gateway.metrics import Metrics


@dataclass(frozen=True)
class Health:
    """Says whether the process lives, whether it takes calls, and how it is doing."""

    active_calls: ActiveCalls
    metrics: Metrics
    metrics_token: str | None = field(repr=False)
    is_public: bool
    """Whether others than this machine reach us: then a proxy stands before us, which may be on this machine and may
    say nothing of whom it asks for, so that no address tells us who is asking."""

    def routes(self) -> list[Route]:
        """The paths for monitoring."""
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.show_metrics),
        ]

    async def healthz(self, _: Request) -> Response:
        """The process is alive."""
        return PlainTextResponse("ok")

    async def readyz(self, _: Request) -> Response:
        """Whether a new call would be taken."""
        if self.active_calls.draining:
            return PlainTextResponse("draining", 503)
        if self.active_calls.is_full(time.monotonic()):
            return PlainTextResponse("full", 503)
        return PlainTextResponse("ready")

    async def show_metrics(self, request: Request) -> Response:
        """The metrics, for whoever knows the token; where nobody else can reach us, also for this machine."""
        if not (self._knows_token(request) or (not self.is_public and self._is_local(request))):
            raise HTTPException(403)
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def _is_local(self, request: Request) -> bool:
        forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For"))
        return (
            not forwarded
            and request.client is not None
            and ipaddress.ip_address(request.client.host).is_loopback
        )

    def _knows_token(self, request: Request) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.metrics_token is not None and hmac.compare_digest(
            given.encode(), self.metrics_token.encode()
        )
