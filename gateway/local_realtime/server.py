"""LocalRealtimeServer: sessions behind a real WebSocket."""

import asyncio
import functools
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from gateway.local_realtime.connection import MAX_UNSENT_BYTES, Connection
from gateway.local_realtime.handshake import PATH, Handshakes, choose_subprotocol
from gateway.local_realtime.hearing import Recogniser
from gateway.local_realtime.heartbeat import Heartbeat
from gateway.local_realtime.observation import observing
from gateway.local_realtime.persona import Persona
from gateway.local_realtime.personas import RecordedPersona
from gateway.local_realtime.response import Pace
from gateway.local_realtime.session import SESSION_LIMIT, LocalSession
from gateway.local_realtime.voice import PROMPTS, RecordedVoice, Voice, prompt_texts
from gateway.vad import VoiceActivity

MAX_MESSAGE_BYTES = 16 * 2**20


class LocalRealtimeServer:
    """Speaks the GA Realtime protocol, without a key and without a network beyond ``host``.

    ``voice`` is shared by the sessions, ``persona`` makes one for each; by default both use recorded prompts.
    Without a ``recogniser`` the server hears when the caller speaks but not what. Port 0 takes a free one.
    A session is closed after ``session_limit`` seconds. ``api_key`` makes clients show one. ``faults_file`` is a
    control file in which testers ask for `Faults`; any client may ask for faults of its own. In ``observed_dir`` a file
    `gateway.observed.Observed` is left of every session whose address names a ``call``.
    """

    def __init__(  # noqa: PLR0913 - each has a default that will do
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        voice: Voice | None = None,
        persona: Callable[[], Persona] | None = None,
        recogniser: Recogniser | None = None,
        first_delta_delay: float = 0.2,
        speed: float = 8.0,
        session_limit: float = SESSION_LIMIT,
        api_key: str | None = None,
        faults_file: Path | None = None,
        observed_dir: Path | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._voice = voice or RecordedVoice()
        texts = self._voice.texts if isinstance(self._voice, RecordedVoice) else prompt_texts(PROMPTS)
        self._persona = persona or functools.partial(RecordedPersona, texts)
        self._recogniser = recogniser
        self._pace = Pace(first_delta_delay, speed)
        self._session_limit = session_limit
        self._handshakes = Handshakes(api_key, faults_file)
        self._observed_dir = observed_dir
        self._heartbeat = Heartbeat()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where clients connect; they may add ``?model=``."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        port = next(iter(self._server.sockets)).getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{port}{PATH}"

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(VoiceActivity)  # loads the model now rather than in the first call
        self._server = await serve(
            self._hold_session,
            self._host,
            self._port,
            process_request=self._handshakes.refuse,
            select_subprotocol=choose_subprotocol,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            # Sending never waits for a slow client: that would keep its audio from being heard.
            write_limit=4 * MAX_UNSENT_BYTES,
            close_timeout=1,
            ping_interval=20,
        )
        if self._observed_dir is not None:
            self._heartbeat.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._heartbeat.stop()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _hold_session(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None  # noqa: S101 - the handshake is over
        faults = self._handshakes.faults(request)
        session = LocalSession(
            voice=self._voice,
            persona=self._persona(),
            token=secrets.token_hex(6),
            opened_at=time.time(),
            model=parse_qs(urlsplit(request.path).query).get("model", [None])[0],
            pace=Pace(self._pace.first_delta_delay + faults.delay, self._pace.speed),
            recognises=self._recogniser is not None,
            session_limit=self._session_limit,
        )
        async with observing(self._observed_dir, request.path, session.session_id) as recorder:
            connection = Connection(
                socket, session, self._voice, self._recogniser, faults, recorder, self._heartbeat
            )
            await connection.run()
