"""How much CPU and memory the server uses: read from its process on this machine, or from its metrics page."""

import http.client
import urllib.error
import urllib.request
from contextlib import suppress
from urllib.parse import urlsplit

import psutil
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import GatewayError
from gateway.loadtest.results import ServerSample

CPU = "process_cpu_seconds_total"
MEMORY = "process_resident_memory_bytes"
TIMEOUT = 2.0
"""Seconds for a metrics page."""
_MAX_PAGE = 16 << 20
_MB = 1e6


class ServerLoadError(GatewayError):
    """The server's load cannot be read; the message is one line that says why."""


class ProcessLoad:
    """A process on this machine, with its children."""

    def __init__(self, pid: int) -> None:
        """Take the process with this number.

        Raises:
            ServerLoadError: there is none.
        """
        try:
            self._process = psutil.Process(pid)
        except (psutil.Error, ValueError, OverflowError) as error:
            raise ServerLoadError(f"there is no process {pid}") from error
        self._cpu_seconds = 0.0

    def sample(self, at: float) -> ServerSample | None:
        """Read CPU and memory; ``at`` is in seconds since 1970. None when the process is gone.

        CPU counts children that have ended, too; it never falls, even while one that has just ended is counted nowhere.
        """
        try:
            if not self._process.is_running() or self._process.status() == psutil.STATUS_ZOMBIE:
                return None
            processes = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return None
        cpu_seconds, n_bytes = 0.0, 0
        for each in processes:
            with suppress(psutil.Error), each.oneshot():  # it may end meanwhile
                times = each.cpu_times()
                ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
                cpu_seconds += times.user + times.system + ended
                n_bytes += each.memory_info().rss
        self._cpu_seconds = max(self._cpu_seconds, cpu_seconds)
        return ServerSample(at, self._cpu_seconds, n_bytes / _MB)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow none: it is answered like any other status that is no page."""


class MetricsLoad:
    """A server whose metrics page has the usual metrics of its process."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """Take the page at an http(s) URL, shown for a bearer token where it needs one.

        Raises:
            ServerLoadError: the URL is another kind.
        """
        if urlsplit(url).scheme not in ("http", "https"):
            raise ServerLoadError(f"{url!r} is no http or https URL")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # No proxy, as for the calls; and whoever answers may not have the token sent elsewhere.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
        self._request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was checked

    def sample(self, at: float) -> ServerSample | None:
        """Fetch the page and read it; ``at`` is in seconds since 1970. Blocks for up to two seconds at each step.

        None when it cannot be had just now.

        Raises:
            ServerLoadError: it was had, and does not tell.
        """
        try:
            with self._opener.open(self._request, timeout=TIMEOUT) as response:
                text = response.read(_MAX_PAGE).decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                raise ServerLoadError(f"{self._request.full_url}: status {error.code}") from error
        except (OSError, http.client.HTTPException):  # nobody is there, or somebody who speaks no HTTP
            return None
        return read_metrics(text, at)


def read_metrics(text: str, at: float) -> ServerSample:
    """Read a Prometheus text page; of several processes the sum.

    Raises:
        ServerLoadError: it is none, or lacks CPU or memory.
    """
    found = {CPU: 0.0, MEMORY: 0.0}
    missing = {*found}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in found:
                    found[sample.name] += sample.value
                    missing.discard(sample.name)
    except (ValueError, KeyError, IndexError) as error:
        raise ServerLoadError("the metrics page is no Prometheus text") from error
    if missing:
        raise ServerLoadError(f"the metrics page has no {' and no '.join(sorted(missing))}")
    return ServerSample(at, found[CPU], found[MEMORY] / _MB)
