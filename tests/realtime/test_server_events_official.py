"""What we read of server events, against examples made from the published types."""

import base64
import json
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from gateway.realtime.events import ServerEvent, Unknown, convert_event, decode_event, wire_type
from tests.realtime.official import N_VARIANTS, SERVER_EVENTS, filled, sparse

LET_PASS = {
    "conversation.created",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.dtmf_event_received",
    "mcp_list_tools.completed",
    "mcp_list_tools.in_progress",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
}
"""Events of which applications get the dict and the gateway makes nothing."""


def differences(ours: Any, official: Any, path: str = "$") -> list[str]:
    """Where a field that we read has another value than the event on the wire."""
    if isinstance(ours, msgspec.Struct):
        names = [name for name in ours.__struct_fields__ if name in official]
        return [
            found
            for name in names
            for found in differences(getattr(ours, name), official[name], f"{path}.{name}")
        ]
    if isinstance(ours, list | tuple):
        pairs = zip(ours, official, strict=True)
        return [found for each, other in pairs for found in differences(each, other, f"{path}[]")]
    if isinstance(ours, bytes):
        ours = base64.b64encode(ours).decode()
    return [] if ours == official else [f"{path}: {ours!r} for {official!r}"]


def read(event: BaseModel) -> tuple[ServerEvent | Unknown, dict[str, Any]]:
    """An event as it arrives, read by us and by json."""
    text = event.model_dump_json()
    ours, raw = decode_event(text), json.loads(text)
    assert convert_event(raw) == ours
    return ours, raw


def test_every_published_event_is_read_or_let_pass() -> None:
    unread = {kind for kind, model in SERVER_EVENTS.items() if isinstance(read(filled(model))[0], Unknown)}

    assert unread == LET_PASS


@pytest.mark.parametrize("kind", SERVER_EVENTS)
@pytest.mark.parametrize("variant", range(N_VARIANTS))
def test_published_event_with_all_its_fields_is_read_as_it_is_written(kind: str, variant: int) -> None:
    ours, raw = read(filled(SERVER_EVENTS[kind], variant))

    assert wire_type(ours) == kind
    assert differences(ours, raw) == []


@pytest.mark.parametrize("kind", SERVER_EVENTS)
def test_published_event_with_nulls_for_all_it_may_leave_out_is_read(kind: str) -> None:
    event = sparse(SERVER_EVENTS[kind])
    ours, _ = read(event)

    assert wire_type(ours) == kind
    assert differences(ours, json.loads(event.model_dump_json(exclude_none=True))) == []
