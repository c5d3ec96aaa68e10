"""What a load test is told: checked values, the same for the command line, for Locust's and for every process."""

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from gateway.errors import GatewayError
from gateway.loadtest.attributes import is_plain
from gateway.loadtest.baseline import BaselineError, read_baseline
from gateway.loadtest.line import Address, is_loopback
from gateway.loadtest.plan import MAX_RAMP, MODES, Mode, Plan
from gateway.loadtest.recording import Channel, RecordingError, read_samples
from gateway.loadtest.thresholds import ThresholdError, parse
from gateway.loadtest.writable import is_writable, is_writable_folder

MAX_CALLS = 2000
"""At once, from one machine."""
MAX_CHANNEL = 31
STANDARD_OUTPUT = "-"
"""Names it where a file is asked for."""
VOICE_PATH = "/twilio/voice"
"""Of the webhook, where the target names none."""

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


class OptionError(GatewayError):
    """The load test was asked for in a way that cannot be followed; the message has one line per mistake."""


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything but the auth token."""

    recordings: tuple[str, ...]
    """Files, folders or manifests."""
    channel: Channel = "left"
    """Of the caller, in files with several: its name, or its number from 0."""
    target: str
    """The server's address, or the whole URL of its voice webhook; http or https."""
    connect_to: Address | None = None
    """The TCP address that stands in for the target's host, without TLS."""
    calls: int
    ramp: float
    """New calls a second."""
    duration: float
    """Seconds of the whole test; of a ladder, at most."""
    mode: Mode = "steady"
    reactive: bool = True
    """Whether callers wait until the agent has finished; else they speak when the recording does."""
    barge_in_at: float | None = None
    """Seconds into each answer at which a reactive caller interrupts it."""
    fail_if: tuple[str, ...] = ()
    baseline: str | None = None
    json: str | None = None
    html: str | None = None
    junit: str | None = None
    wav_dir: str | None = None
    wavs: str = "failed"
    """Which calls are kept: ``failed``, ``all``, or how many of each worker."""
    server_pid: int | None = None
    """The server's process, where it is on this machine."""
    server_metrics: str | None = None
    """URL of the server's metrics in Prometheus' text format, where it has them."""
    reference: str | None = None
    """Sound file of what the agent says, clean, where that is known; heard calls are compared with it."""
    observed: str | None = None
    """Folder in which the embedded realtime server leaves what it has seen, where it is the model."""
    i_own_this_target: bool = False
    command: str = ""
    """How it was asked for."""

    @property
    def plan(self) -> Plan:
        """The wanted calls over time; a ladder goes by its own."""
        return Plan(self.mode, self.calls, self.ramp, self.duration)

    @property
    def public_url(self) -> str:
        """The target without its path."""
        return urlunsplit(urlsplit(self.target)._replace(path="", query="", fragment=""))

    @property
    def voice_url(self) -> str:
        """The path and query of the voice webhook."""
        parts = urlsplit(self.target)
        path = parts.path if parts.path.strip("/") else VOICE_PATH
        return urlunsplit(("", "", path, parts.query, parts.fragment))


def rate(text: str) -> float:
    """Read new calls a second, such as ``10/s`` or ``10``.

    Raises:
        OptionError: it is none, or beyond ``MAX_RAMP``.
    """
    value = _number(text.removesuffix("/s"))
    if value is None or not 0 < value <= MAX_RAMP:
        raise OptionError(f"--ramp: {text!r} is not a rate such as 10/s, above 0 and at most {MAX_RAMP:g}/s")
    return value


def seconds(text: str) -> float:
    """Read a duration, such as ``90``, ``90s``, ``5m`` or ``2h``.

    Raises:
        OptionError: it is none, or nothing.
    """
    number = text.rstrip("smh")
    value, unit = _number(number), _UNITS.get(text[len(number) :])
    if value is None or unit is None or value <= 0:
        raise OptionError(f"--duration: {text!r} is not a duration such as 90s, 5m or 2h")
    return value * unit


def address(text: str) -> Address:
    """Read ``HOST:PORT``; IPv6 in brackets.

    Raises:
        OptionError: it is none.
    """
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
        raise OptionError(f"--connect-to: {text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def whole(name: str, text: str, low: int, high: int) -> int:
    """Read the whole number of an option, from ``low`` to ``high``.

    Raises:
        OptionError: it is none.
    """
    if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not low <= int(text) <= high:
        raise OptionError(f"{name}: {text!r} is not a number from {low} to {high}")
    return int(text)


def channel_named(text: str) -> Channel:
    """Read the caller's channel: ``left``, ``right``, or its number from 0.

    Raises:
        OptionError: it is none.
    """
    match text:
        case "left" | "right":
            return text
        case _:
            return whole("--channel", text, 0, MAX_CHANNEL)


def offset(text: str) -> float:
    """Read seconds into an answer.

    Raises:
        OptionError: they are none.
    """
    value = _number(text)
    if value is None:
        raise OptionError(f"--barge-in-at: {text!r} is not a number of seconds")
    return value


def mistakes(options: LoadOptions) -> list[str]:
    """Say what is wrong with options, a line each."""
    found = []
    plan = options.plan
    if options.calls < 1 or plan.most_calls > MAX_CALLS:
        most = f" (a spike of {plan.most_calls})" if options.calls <= MAX_CALLS < plan.most_calls else ""
        found.append(f"--calls: {options.calls}{most} is not from 1 to {MAX_CALLS}")
    elif options.mode != "ladder" and not plan.stages():
        found.append(f"--duration: {options.duration:g} s are over before {options.calls} calls are up")
    if options.mode not in MODES:
        found.append(f"--mode: {options.mode!r} is none of {', '.join(MODES)}")
    found += _target_mistakes(options)
    if options.barge_in_at is not None and not options.reactive:
        found.append("--barge-in-at: does not go with --open-loop")
    if options.wavs not in ("failed", "all") and not re.fullmatch("[0-9]{1,6}", options.wavs, re.ASCII):
        found.append(f"--wavs: {options.wavs!r} is none of failed, all, or a number")
    found += _input_mistakes(options)
    found += _judging_mistakes(options)
    return found + _output_mistakes(options)


def _input_mistakes(options: LoadOptions) -> list[str]:
    """Find what is beside the recordings and cannot be read; and the folder for WAVs."""
    found = []
    for name, folder in (("--wav-dir", options.wav_dir), ("--observed", options.observed)):
        if folder is not None and not Path(folder).is_dir():
            found.append(f"{name}: there is no folder {folder}")
        elif folder is not None and name == "--wav-dir" and not is_writable_folder(folder):
            found.append(f"{name}: {folder} cannot be written")
    if options.server_metrics is not None:
        found += _address_mistakes(options, "--server-metrics", options.server_metrics)
    if options.reference is not None:
        try:
            read_samples(Path(options.reference))
        except RecordingError as error:
            found.append(f"--reference: {error}")
    return found


def _output_mistakes(options: LoadOptions) -> list[str]:
    """Find files that cannot be written, or would overwrite each other or what is read."""
    found = []
    taken = {Path(each).absolute(): "a recording" for each in options.recordings}
    for name, path in (("--json", options.json), ("--html", options.html), ("--junit", options.junit)):
        if path is None:
            continue
        if path != STANDARD_OUTPUT and not is_writable(path):
            found.append(f"{name}: {path} cannot be written")
        elif (place := Path(path).absolute()) in taken:
            found.append(f"{name}: {path} is {taken[place]} already")
        else:
            taken[place] = name
    return found


def _judging_mistakes(options: LoadOptions) -> list[str]:
    found = []
    for each in options.fail_if:
        try:
            parse(each)
        except ThresholdError as error:
            found.append(f"--fail-if: {error}")
    if options.baseline is not None:
        try:
            read_baseline(options.baseline)
        except BaselineError as error:
            found.append(f"--baseline: {error}")
    return found


def _target_mistakes(options: LoadOptions) -> list[str]:
    return _address_mistakes(options, "--target", options.target, options.connect_to)


def _address_mistakes(
    options: LoadOptions, name: str, url: str, connect_to: Address | None = None
) -> list[str]:
    if not is_http(url):
        shown = "" if "@" in url else f"{url!r} "  # nobody's password
        return [f"{name}: {shown}is not an http or https address without a name and a password in it"]
    host = connect_to[0] if connect_to else urlsplit(url).hostname
    if not options.i_own_this_target and not is_loopback(host or ""):
        return [f"{name}: {host} is not this machine; say --i-own-this-target if you may load it"]
    return []


def is_http(url: str) -> bool:
    """Whether a URL is plain http or https, with a host, and names nobody who might have a password."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return False
    return bool(is_address and is_plain(url)) and parts.username is None and parts.password is None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text, re.ASCII) else None
