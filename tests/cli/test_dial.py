import asyncio
import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.cli.dial_view import Dialled, DialView
from gateway.twilio.call_order import CallOrder
from tests.fake_twilio_rest import ACCOUNT_SID, AUTH_TOKEN, FakeTwilioRest, Refuse
from tests.gateways import run

TO = "+15005550006"
OTHER = "+15005550007"
FROM = "+15005550001"
AGENTS = '[agents.desk]\ninstructions = "Help."\n[agents.default]\ninstructions = "Sell."\n'


def environment(tmp_path: Path, **settings: str) -> dict[str, str]:
    agents = tmp_path / "agents.toml"
    agents.write_text(AGENTS)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "COLUMNS": "200",
        "PUBLIC_URL": "https://voice.example.com",
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "OUTBOUND_NUMBER": FROM,
        "OUTBOUND_ALLOWED": "+1500*",
        "AGENTS_FILE": str(agents),
        **settings,
    }


def gateway(*arguments: str, tmp_path: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "dial", *arguments], env=environment(tmp_path, **settings),
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip


async def dial(twilio: FakeTwilioRest, *arguments: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the command beside a fake Twilio on this event loop."""
    return await asyncio.to_thread(gateway, *arguments, tmp_path=tmp_path, TWILIO_API_URL=twilio.url)


@contextlib.asynccontextmanager
async def api() -> AsyncIterator[FakeTwilioRest]:
    async with FakeTwilioRest() as twilio:
        yield twilio
        assert twilio.faults == []


def test_a_call_is_placed_for_the_agent_and_followed_until_it_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.answered_by[TO] = "human"
            done = await dial(twilio, TO, "--agent", "desk", "--ring-timeout", "20", tmp_path=tmp_path)

            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.splitlines() == [f"{TO} queued", f"{TO} ringing", f"{TO} answered by human"]
            (call,) = twilio.calls.values()
            order = dict(call.order)
            assert (order["From"], order["Timeout"]) == (FROM, "20")
            assert order["Url"] == "https://voice.example.com/twilio/outbound?agent=desk"

    run(scenario())


def test_help_says_whose_number_is_called_from_and_takes_several(tmp_path: Path) -> None:
    shown = gateway("--help", tmp_path=tmp_path).stdout

    assert "{+E164}..." in shown
    assert "Our number to call from, if not OUTBOUND_NUMBER." in shown


def test_calls_that_nobody_takes_fail_the_command_and_each_is_one_object_of_json(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.progress[TO] = ("queued", "busy")
            done = await dial(twilio, TO, OTHER, "--agent", "desk", "--json", tmp_path=tmp_path)

            assert (done.returncode, done.stderr) == (1, "")
            busy, answered = sorted(map(json.loads, done.stdout.splitlines()), key=lambda each: each["to"])
            assert list(twilio.calls) == [busy.pop("call_sid"), answered.pop("call_sid")]
            nothing = {"answered_by": None, "error": None}
            assert busy == {"to": TO, "status": "busy", "duration_s": 0, **nothing}
            assert answered == {"to": OTHER, "status": "in-progress", "duration_s": None, **nothing}
            first, second = (each.at for each in twilio.requests if each.path.endswith("/Calls.json"))
            assert second - first > 0.6

    run(scenario())


def test_with_wait_a_call_is_followed_to_its_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.progress[TO] = ("in-progress", "completed")
            done = await dial(
                twilio, TO, "--agent", "desk", "--wait", "--from", "+15005550009", tmp_path=tmp_path
            )

            assert done.returncode == 0
            assert done.stdout.splitlines()[-1] == f"{TO} completed after 7 s"
            assert [call.from_ for call in twilio.calls.values()] == ["+15005550009"]

    run(scenario())


def test_a_refused_call_does_not_stop_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.script.append(Refuse(400, 21215))
            done = await dial(twilio, TO, OTHER, "--agent", "desk", tmp_path=tmp_path)

            assert done.returncode == 1
            assert done.stdout.splitlines()[0] == (
                f"{TO} not-placed: Twilio refused: the account has no permission to call that country "
                "(status 400, code 21215)"
            )
            assert [call.to for call in twilio.calls.values()] == [OTHER]

    run(scenario())


def test_a_call_of_which_nothing_can_be_learnt_any_more_is_unknown(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.on_dial = lambda _sid, _form: twilio.script.extend([Refuse(401, 20003)] * 5)
            done = await dial(twilio, TO, "--agent", "desk", "--json", tmp_path=tmp_path)

            report = json.loads(done.stdout)
            assert (done.returncode, report["status"]) == (1, "unknown")
            assert "credentials" in report["error"]
            assert len(twilio.requests) == 6

    run(scenario())


def test_ctrl_c_stops_following_and_tells_which_calls_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.progress[TO] = ("queued", *["ringing"] * 100)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "dial", TO, OTHER, "--agent", "desk", "--json",
                env=environment(tmp_path, TWILIO_API_URL=twilio.url), cwd=tmp_path,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            await twilio.wait_for_request(2)
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()

            assert process.returncode == 1
            assert err.decode().splitlines() == [
                "Stopped following. Calls that were placed go on.",
                f"Going on: {TO}",
            ]
            reports = [json.loads(line) for line in out.decode().splitlines()]
            assert [each["to"] for each in reports] == [TO, OTHER]
            assert reports[0]["status"] in {"queued", "ringing"}
            assert reports[1]["status"] == "waiting"
            assert [call.to for call in twilio.calls.values()] == [TO]

    run(scenario())


def test_a_call_that_was_just_being_placed_when_following_stops_is_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = [
        Dialled(CallOrder(number, FROM, "https://voice.example.com"), status=status)
        for number, status in ((TO, "dialling"), (OTHER, "waiting"))
    ]
    DialView(calls, as_json=True).stopped()

    out, err = capsys.readouterr()
    assert err.splitlines()[1:] == [f"Perhaps placed: {TO}"]
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["unknown", "waiting"]


def test_on_a_terminal_the_calls_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    call = Dialled(CallOrder(TO, FROM, "https://voice.example.com"), "CA1", "ringing")
    view = DialView([call], as_json=False)
    with view.live():
        call.status = "in-progress"
        view.changed(call)

    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.getvalue()).splitlines()[-1]
    assert last.split() == [TO, "CA1", "answered"]


@pytest.mark.parametrize(
    ("arguments", "settings", "lines"),
    [
        (["12345"], {}, ["'12345': is not a number such as +15551234567 (E.164)"]),
        (["+49305550006"], {}, ["+49305550006: OUTBOUND_ALLOWED does not allow it"]),
        ([TO], {"OUTBOUND_ALLOWED": ""}, [f"{TO}: OUTBOUND_ALLOWED does not allow it"]),
        ([TO, TO], {}, [f"{TO}: is given 2 times"]),
        ([TO], {"TWILIO_ACCOUNT_SID": ""}, ["TWILIO_ACCOUNT_SID: is required to call out"]),
        (
            [TO],
            {"OUTBOUND_NUMBER": ""},
            ["OUTBOUND_NUMBER: is required, or --from: the number of yours to call from"],
        ),
        ([TO, "--from", "911"], {}, ["--from: '911' is not a number such as +15551234567 (E.164)"]),
        ([TO, "--agent", ""], {}, ["--agent: is required"]),
        ([TO, "--agent", "dask"], {}, ["--agent: FILE has no agent 'dask'; it has desk"]),
        ([TO, "--agent", "zzz"], {}, ["--agent: FILE has no agent 'zzz'; it has default, desk"]),
        (
            ["12345", "+49305550006", "--from", "911", "--agent", "zzz"],
            {"TWILIO_ACCOUNT_SID": ""},
            [
                "TWILIO_ACCOUNT_SID: is required to call out",
                "--from: '911' is not a number such as +15551234567 (E.164)",
                "'12345': is not a number such as +15551234567 (E.164)",
                "+49305550006: OUTBOUND_ALLOWED does not allow it",
                "--agent: FILE has no agent 'zzz'; it has default, desk",
            ],
        ),
        (
            [TO],
            {"TWILIO_REGION": "ie1"},
            ["TWILIO_EDGE: is required with TWILIO_REGION: Twilio has retired its hosts without an edge"],
        ),
    ],
)
def test_every_mistake_is_a_line_before_anybody_is_called(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], lines: list[str]
) -> None:
    async def scenario() -> subprocess.CompletedProcess[str]:
        async with api() as twilio:
            done = await asyncio.to_thread(
                gateway,
                "--agent",
                "desk",
                *arguments,
                tmp_path=tmp_path,
                TWILIO_API_URL=twilio.url,
                **settings,
            )
            assert twilio.requests == []
            return done

    done = run(scenario())

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.replace(str(tmp_path / "agents.toml"), "FILE").splitlines() == lines


def test_mistakes_of_the_agents_file_are_told_with_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[agents.desk]\n")
    done = gateway("12345", "--agent", "desk", tmp_path=tmp_path, AGENTS_FILE=str(tmp_path / "broken.toml"))

    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("'12345': ")
    assert "instructions: is required" in second


def test_without_an_agents_file_any_agent_is_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with api() as twilio:
            twilio.progress[TO] = ("in-progress",)
            done = await asyncio.to_thread(
                gateway, TO, "--agent", "whoever", tmp_path=tmp_path, AGENTS_FILE="", TWILIO_API_URL=twilio.url
            )  # fmt: skip
            assert done.returncode == 0, done.stderr

    run(scenario())
