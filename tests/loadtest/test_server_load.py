import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from gateway.loadtest.results import ServerSample
from gateway.loadtest.server_load import MetricsLoad, ProcessLoad, ServerLoadError, read_metrics

PAGE = """\
# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.5
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 2.5e+08
# TYPE gateway_calls_active gauge
gateway_calls_active 7
"""
BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ninput()"
PARENT = (
    "import subprocess, sys\n"
    f"child = subprocess.Popen([sys.executable, '-c', {BUSY!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
    "child.stdout.readline(); print('busy', flush=True); input()\n"
    "child.communicate(b'\\n'); print('ended', flush=True); input()\n"
)


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def sample(load: ProcessLoad) -> ServerSample:
    found = load.sample(1000.0)
    assert found is not None
    return found


def test_a_process_is_read_with_its_children_while_they_live_and_when_they_have_ended() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        load = ProcessLoad(process.pid)
        assert hear(process) == "busy"
        both = sample(load)
        tell(process)
        assert hear(process) == "ended"
        alone = sample(load)
        fresh = sample(ProcessLoad(process.pid))
        tell(process)
        process.wait()

        assert load.sample(1000.0) is None

    assert both.at == 1000.0
    assert both.cpu_seconds >= 0.3
    assert alone.cpu_seconds >= both.cpu_seconds
    assert fresh.cpu_seconds >= 0.3
    assert 5 < alone.memory_mb < both.memory_mb < 200


def test_there_must_be_a_process() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    for pid in (process.pid, -1):
        with pytest.raises(ServerLoadError, match=f"^there is no process {pid}$"):
            ProcessLoad(pid)


def test_a_metrics_page_tells_cpu_and_memory() -> None:
    assert read_metrics(PAGE, 1000.0) == ServerSample(1000.0, 12.5, 250.0)


def test_several_processes_on_a_page_are_added_up() -> None:
    page = PAGE.replace("_total 12.5", '_total{pid="1"} 1\nprocess_cpu_seconds_total{pid="2"} 2.5')

    assert read_metrics(page, 0.0).cpu_seconds == 3.5


@pytest.mark.skipif(sys.platform != "linux", reason="the client library reads /proc")
def test_what_the_client_library_writes_is_understood() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    found = read_metrics(generate_latest(registry).decode(), 0.0)

    assert found.cpu_seconds == pytest.approx(time.process_time(), abs=2)  # without processes that have ended
    assert found.memory_mb > 10


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("", "the metrics page has no process_cpu_seconds_total and no process_resident_memory_bytes"),
        ("process_cpu_seconds_total 1\n", "the metrics page has no process_resident_memory_bytes"),
        ("<html>not found</html>", "the metrics page is no Prometheus text"),
        ("process_cpu_seconds_total one\n", "the metrics page is no Prometheus text"),
    ],
)
def test_a_page_that_does_not_tell_is_refused(page: str, says: str) -> None:
    with pytest.raises(ServerLoadError, match=f"^{says}$"):
        read_metrics(page, 0.0)


class Pages(BaseHTTPRequestHandler):
    """Shows the metrics to whoever knows the token."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/metrics")
            self.end_headers()
            return
        known = self.headers["Authorization"] == "Bearer secret"
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write(PAGE.encode() if known else b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@contextmanager
def served() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()


def test_the_page_is_fetched_with_the_token() -> None:
    with served() as url:
        assert MetricsLoad(url, "secret").sample(5.0) == ServerSample(5.0, 12.5, 250.0)
        with pytest.raises(ServerLoadError, match=r"/metrics: status 403$"):
            MetricsLoad(url).sample(5.0)


def test_a_token_is_not_sent_where_the_page_has_moved_to() -> None:
    with served() as url, pytest.raises(ServerLoadError, match=r"/moved: status 302$"):
        MetricsLoad(url.replace("/metrics", "/moved"), "secret").sample(5.0)


def test_a_server_that_is_gone_gives_no_sample() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        port = taken.getsockname()[1]

        assert MetricsLoad(f"http://127.0.0.1:{port}/metrics").sample(5.0) is None


def test_a_server_that_speaks_no_http_gives_no_sample() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.example.com ready\r\n")

        answering = threading.Thread(target=answer)
        answering.start()
        found = MetricsLoad(f"http://127.0.0.1:{listener.getsockname()[1]}/metrics").sample(5.0)
        answering.join()

    assert found is None


def test_only_the_web_is_fetched() -> None:
    with pytest.raises(ServerLoadError, match="is no http or https URL"):
        MetricsLoad("file:///etc/passwd")
