"""Builds and joins everything."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from importlib import resources

import soundfile
import structlog
from starlette.applications import Starlette

from gateway.active_calls import ActiveCalls
from gateway.after_stream import AfterStream
from gateway.agents import Agents
from gateway.agents_file import AgentsFile
from gateway.answering import Answering, example_agents, nobody_in_particular
from gateway.call import Call
from gateway.call_recordings import Recordings
from gateway.caller_leg import CallerSocket
from gateway.caller_limits import CallerLimits
from gateway.captures import Captures
from gateway.closed_labels import begin_at_zero
from gateway.comfort import Prompts
from gateway.console.phone import Phone
from gateway.errors import GatewayError, SettingsError
from gateway.feed import Feed
from gateway.handover import Histories
from gateway.local_realtime import LocalRealtimeServer, installed_parts
from gateway.metrics import Metrics
from gateway.model_leases import ModelLeases
from gateway.realtime import Provider, provider_named
from gateway.sample_orders import order_status
from gateway.server import GatewayServer
from gateway.settings import Settings, is_loopback
from gateway.stream_twiml import StreamTwiml
from gateway.tools import Tool
from gateway.transfers import Transfers
from gateway.twilio.rest import TwilioRest
from gateway.web.consultations import Consultations
from gateway.web.health import Health
from gateway.web.media import MediaStreams
from gateway.web.signed import SignedRoutes
from gateway.web.webhooks import Webhooks
from voice_codecs import mulaw_encode

LAG_PERIOD = 0.05
AGENTS_PERIOD = 1.0
"""Seconds from one look at the agents' file to the next."""

_log = structlog.get_logger()


class Gateway:
    """Everything one gateway process is made of."""

    def __init__(self, settings: Settings, *, phone: bool = False) -> None:
        """Build it; ``phone`` adds the softphone, for whoever can reach us, so on loopback alone.

        Raises:
            SettingsError: there is to be a softphone, and we are to be reached from other machines; or a file or folder
                that the settings name cannot be used.
        """
        self.settings = settings
        self.feed = Feed()
        self.metrics = Metrics()
        begin_at_zero(self.metrics)
        self.active_calls = ActiveCalls(settings.max_calls)
        self.metrics.calls_limit.set(settings.max_calls)
        self.metrics.draining.set_function(lambda: self.active_calls.draining)
        self._prompts = Prompts(_read_prompt("apology.flac"), _read_prompt("one_moment.flac"))
        self._provider = _provider(settings)
        self._agents_file = AgentsFile(settings.agents_file) if settings.agents_file else None
        self._leases = ModelLeases()
        self._histories = Histories(settings.handover_file)
        self._rest = _rest(settings)
        self._transfers = Transfers(settings.public_url, self.active_calls, self._rest)
        self._answering = Answering(
            self._agents(settings),
            self._leases,
            lambda: self._provider,
            tools={"order_status": Tool.from_function(order_status)},
            transferring=self._transfers,
            fallback_number=settings.fallback_number,
            earlier=self._histories,
            are_recorded=settings.recordings_dir is not None,
        )
        connect = StreamTwiml(settings.public_url)
        after = AfterStream(settings.public_url, self.active_calls, self._answering, self._transfers, connect)
        callers = CallerLimits(lambda sid: self.active_calls.is_going_on(sid, time.monotonic()))
        webhooks = Webhooks(self.active_calls, callers, self._answering, after, connect, self.metrics)
        signed = SignedRoutes(
            settings.public_url, settings.auth_tokens, settings.twilio_account_sid, self.metrics
        )
        self._recordings = (
            Recordings(settings.recordings_dir, self.metrics) if settings.recordings_dir else None
        )
        self._captures = Captures(settings.captures_dir, self.metrics) if settings.captures_dir else None
        streams = MediaStreams(
            settings.public_url,
            settings.auth_tokens,
            self.active_calls,
            self._new_call,
            self.metrics,
            self._captures,
        )
        token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
        health = Health(self.active_calls, self.metrics, token, is_public=settings.is_public)
        answers = {**webhooks.answers(), **Consultations(self._transfers).answers()}
        routes = [*signed.routes(answers), *streams.routes(), *health.routes()]
        if phone:
            routes += _phone(settings, self.feed).routes()
        self.app = Starlette(routes=routes, lifespan=self._lifespan)

    def server(self) -> GatewayServer:
        """A server for the application, which drains."""
        given = self.settings
        return GatewayServer(self.app, self.active_calls, given.drain_timeout, given.trusted_proxies)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for each in (self._captures, self._recordings):
                if each is not None:
                    await stack.enter_async_context(each)
            if self.settings.wants_embedded_server:
                parts = await stack.enter_async_context(installed_parts())
                server = LocalRealtimeServer(
                    voice=parts.voice, persona=parts.persona, recogniser=parts.recogniser
                )
                embedded = await stack.enter_async_context(server)
                self._provider = _provider(self.settings, embedded.url)
                _log.info("no other provider was named: the embedded realtime server answers")
            await stack.enter_async_context(_traces(self.settings, self.feed))
            if self._rest is not None:
                await stack.enter_async_context(self._rest)
            await stack.enter_async_context(self._transfers)
            await asyncio.to_thread(self._histories.load)
            await stack.enter_async_context(self._leases)
            stack.push_async_callback(self._hand_over)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            watching = [tasks.create_task(self._watch_loop(), name="loop-lag")]
            if self._agents_file is not None:
                watching.append(tasks.create_task(self._watch_agents(self._agents_file), name="agents-file"))
            yield
            for task in watching:
                task.cancel()

    async def _hand_over(self) -> None:
        """Leave the conversations of calls that outlive us to the process after us."""
        await asyncio.to_thread(self._histories.save, self._answering.histories())

    async def _watch_loop(self) -> None:
        """Measure how late timers fire: whatever blocks the event loop delays every call."""
        while True:
            due = time.monotonic() + LAG_PERIOD
            await asyncio.sleep(LAG_PERIOD)
            self.metrics.loop_lag.observe(max(0.0, time.monotonic() - due))

    def _agents(self, settings: Settings) -> Callable[[], Agents]:
        """Whom to ask for the agents of now.

        Raises:
            SettingsError: their file has mistakes.
        """
        if self._agents_file is not None:
            self._agents_file.load()
            return self._agents_file.current
        # Whoever was named to answer gets no sample shop.
        agents = example_agents() if settings.wants_embedded_server else nobody_in_particular()
        return lambda: agents

    async def _watch_agents(self, file: AgentsFile) -> None:
        """Take a changed file over, for calls that come in from then on."""
        while True:
            await asyncio.sleep(AGENTS_PERIOD)
            await asyncio.to_thread(file.refresh)

    def _new_call(self, socket: CallerSocket) -> Call:
        return Call(
            socket,
            active_calls=self.active_calls,
            take_lease=self._answering.take,
            release=self._answering.release,
            prompts=self._prompts,
            feed=self.feed,
            metrics=self.metrics,
            recordings=self._recordings,
        )


def _phone(settings: Settings, feed: Feed) -> Phone:
    if not (is_loopback(settings.host) and settings.public_url.startswith("http://")):
        raise SettingsError("HOST: the softphone is for this machine alone, 127.0.0.1")
    return Phone(settings.public_url, settings.auth_tokens[0], settings.twilio_account_sid, feed)


def _traces(settings: Settings, feed: Feed) -> contextlib.AbstractAsyncContextManager[None]:
    """Trace the calls, where a collector is named and the extra is installed; else nothing of it is loaded."""
    if settings.otel_exporter_otlp_endpoint is None:
        return contextlib.nullcontext()
    try:
        from gateway.tracing import exported_traces  # noqa: PLC0415 - an extra, and slow to load
    except ModuleNotFoundError:
        _log.warning("no traces: the extra [otel] is not installed")
        return contextlib.nullcontext()
    endpoint = settings.otel_exporter_otlp_endpoint.rstrip("/")
    return exported_traces(feed, endpoint, settings.otel_service_name)


def _rest(settings: Settings) -> TwilioRest | None:
    """Twilio's REST API, where we have been given a login."""
    if settings.rest_login is None:
        return None
    account_sid, username, password = settings.rest_login
    return TwilioRest(
        account_sid,
        username,
        password,
        url=settings.twilio_api_url,
        region=settings.twilio_region,
        edge=settings.twilio_edge,
    )


def _provider(settings: Settings, embedded_url: str | None = None) -> Provider:
    """The provider that was named, or the embedded server, which is given no key."""
    is_embedded = settings.wants_embedded_server
    return provider_named(
        "local" if is_embedded else settings.realtime_provider,
        url=embedded_url or settings.realtime_url,
        model=settings.realtime_model,
        api_key=None if is_embedded else settings.provider_key,
        audio_format=settings.audio_format,
    )


def _read_prompt(name: str) -> bytes:
    """A packaged prompt as mu-law, 8 kHz."""
    data = resources.files("gateway").joinpath("prompts", name).read_bytes()
    samples, sample_rate = soundfile.read(io.BytesIO(data), dtype="int16")
    if sample_rate != 8000 or samples.ndim != 1:
        raise GatewayError(f"the prompt {name} is not mono at 8 kHz")
    return mulaw_encode(samples)
