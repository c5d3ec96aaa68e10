"""The media stream's WebSocket: who may open it, and the call it becomes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from gateway.active_calls import MAX_UNAUTHENTICATED, ActiveCalls
from gateway.call import Call
from gateway.caller_leg import CallerSocket
from gateway.captures import Capture, Captures
from gateway.metrics import Metrics
from gateway.twilio.signature import is_handshake_signed_by_twilio, websocket_url
from gateway.web.captured_socket import CapturedReceiver, CapturedSocket
from gateway.web.media_socket import MEDIA_SOCKET, MediaSocket
from gateway.web.signed import MAX_ADDRESS

PATH = "/twilio/media"

_log = structlog.get_logger()


@dataclass(frozen=True)
class MediaStreams:
    """Turns signed handshakes into calls."""

    public_url: str
    auth_tokens: tuple[str, ...] = field(repr=False)
    active_calls: ActiveCalls
    new_call: Callable[[CallerSocket], Call]
    metrics: Metrics
    captures: Captures | None = None
    """Where every stream's messages are kept; None to keep none."""

    def routes(self) -> list[WebSocketRoute]:
        """The stream's path, which Twilio may dial with a slash at its end."""
        return [WebSocketRoute(path, self.endpoint) for path in (PATH, f"{PATH}/")]

    async def endpoint(self, websocket: WebSocket) -> None:
        """Carry one call, from handshake to ending."""
        status = self._refusal(websocket)
        if status:
            self.metrics.refused_requests.labels("media-stream").inc()
            client = websocket.client.host if websocket.client else ""
            _log.warning("media stream refused", status=status, client=client[:MAX_ADDRESS])
            await websocket.send_denial_response(Response(status_code=status))
            return
        socket: MediaSocket = websocket.scope["extensions"][MEDIA_SOCKET]
        call = self._captured(socket, self.captures.new()) if self.captures else self._joined(socket)
        await websocket.accept()
        await call.run()

    def _joined(self, socket: MediaSocket) -> Call:
        call = self.new_call(socket)
        socket.bind(call.caller_leg)
        return call

    def _captured(self, socket: MediaSocket, capture: Capture) -> Call:
        call = self.new_call(CapturedSocket(socket, capture))
        leg = call.caller_leg

        def begun_call() -> str:
            return leg.call_sid if self.active_calls.is_carried_by(leg.call_sid, call) else ""

        socket.bind(CapturedReceiver(leg, capture, begun_call))
        return call

    def _refusal(self, websocket: WebSocket) -> int:
        """The HTTP status with which a handshake is refused, or 0."""
        if "Origin" in websocket.headers:
            return 403  # Twilio sends none; a browser is trying to
        signature = websocket.headers.getlist("X-Twilio-Signature")
        url = websocket_url(self.public_url, PATH)
        if not is_handshake_signed_by_twilio(url, signature, self.auth_tokens):
            return 403
        return 503 if self.active_calls.n_unauthenticated >= MAX_UNAUTHENTICATED else 0
