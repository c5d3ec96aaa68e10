import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gateway.observed import Observed
from tests.local_realtime.test_moonshine import needs_model
from tests.local_realtime.test_piper import needs_voice


@contextlib.contextmanager
def server(*arguments: str, **settings: str) -> Iterator[str]:
    """Run the command on a free port; give its address, and see that it ends well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    command = [sys.executable, "-m", "gateway", "local-realtime", "--port", "0", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = next(filter(None, (re.search(r"ws://[^;\s]+", line) for line in process.stdout)))
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(20) == 0
            finally:
                process.kill()  # else leaving Popen would wait for ever


def refused(*arguments: str, **settings: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200", **settings}
    command = [sys.executable, "-m", "gateway", "local-realtime", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def answer(socket: ClientConnection, text: str) -> str:
    """Type something; give the words of the spoken answer."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
    socket.send(json.dumps({"type": "response.create"}))
    while True:
        event = json.loads(socket.recv(timeout=20))
        assert event["type"] != "error", event
        if event["type"] == "response.done":
            content = event["response"]["output"][0]["content"]
            return str(content[0]["transcript"])


@needs_model
@needs_voice
def test_a_script_says_its_lines_to_whoever_has_the_key(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[turn]]\nsays = "First line."\n[[turn]]\nsays = "Second line."\n')
    with server("--persona", str(script), LOCAL_REALTIME_API_KEY="secret") as url:
        with pytest.raises(InvalidStatus):
            connect(url)
        with connect(url, additional_headers={"Authorization": "Bearer secret"}, max_size=None) as socket:
            assert answer(socket, "a") == "First line."
            assert answer(socket, "b") == "Second line."


@needs_model
@needs_voice
def test_faults_of_a_file_are_had_by_every_session(tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text("refuse = 429")
    with server("--persona", "echo", "--faults", str(faults)) as url:
        with pytest.raises(InvalidStatus, match="429"):
            connect(url)
        faults.write_text("")
        with connect(url, max_size=None) as socket:
            assert "good morning" in answer(socket, "good morning")


@pytest.mark.parametrize(
    ("persona", "complaint"),
    [("clerk", "desk, echo, recorded"), ("none.toml", "none.toml"), ("broken.toml", "sayz")],
)
def test_a_persona_that_cannot_be_had_is_one_line_and_exit_code_2(
    tmp_path: Path, persona: str, complaint: str
) -> None:
    (tmp_path / "broken.toml").write_text('[[turn]]\nsays = "x"\nsayz = "y"\n')
    name = str(tmp_path / persona) if persona.endswith(".toml") else persona
    assert complaint in refused("--persona", name)


def test_faults_that_cannot_be_read_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text("refuse = 7")
    assert "refuse" in refused("--faults", str(tmp_path / "faults.toml"))
    assert "No such file" in refused("--faults", str(tmp_path / "none.toml"))


def test_an_empty_key_is_one_line_and_exit_code_2() -> None:
    assert "LOCAL_REALTIME_API_KEY" in refused(LOCAL_REALTIME_API_KEY=" ")


def test_sessions_of_calls_are_observed_where_that_is_asked_for(tmp_path: Path) -> None:
    with server("--persona", "recorded", "--observe", str(tmp_path)) as url:
        with connect(f"{url}?call=CA1", max_size=None) as socket:
            answer(socket, "a")
        deadline = time.monotonic() + 10
        while not (paths := list(tmp_path.glob("*.observed"))) and time.monotonic() < deadline:
            time.sleep(0.05)

    observed = msgspec.msgpack.decode(paths[0].read_bytes(), type=Observed)
    assert len(observed.items) == 1


def test_a_folder_that_is_none_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    assert "--observe" in refused("--observe", str(tmp_path / "none"))
