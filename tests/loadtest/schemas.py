"""The schemas of both directions of a media stream, and what they cannot say: the order of its messages."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_FOLDER = Path(__file__).parent


def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((_FOLDER / name).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


TO_SERVER = _validator("media_stream_schema.json")
FROM_SERVER = _validator("media_stream_server_schema.json")


def check_stream_to_server(texts: list[str], *, is_broken: bool = False) -> list[dict[str, Any]]:
    """Hold one stream's messages against the schema and against each other; return them. A broken one has no stop."""
    messages = [json.loads(text) for text in texts]
    for message in messages:
        TO_SERVER.validate(message)
    connected, start, *others = messages
    kinds = [message["event"] for message in others]
    assert (connected["event"], start["event"]) == ("connected", "start")
    assert ("stop" in kinds, set(kinds) & {"connected", "start"}) == (not is_broken, set())
    assert is_broken or kinds.index("stop") == len(kinds) - 1
    assert [int(each["sequenceNumber"]) for each in messages[1:]] == list(range(1, len(messages)))
    assert {each["streamSid"] for each in messages[1:]} == {start["start"]["streamSid"]}
    media = [message["media"] for message in others if message["event"] == "media"]
    assert [int(each["chunk"]) for each in media] == list(range(1, len(media) + 1))
    assert [int(each["timestamp"]) for each in media] == list(range(0, 20 * len(media), 20))
    if not is_broken:
        sids = {name: start["start"][name] for name in ("accountSid", "callSid")}
        assert messages[-1]["stop"] == sids
    return messages


def check_stream_from_server(texts: list[str], stream_sid: str) -> list[dict[str, Any]]:
    """Hold a server's messages on one stream against the schema; return them."""
    messages: list[dict[str, Any]] = [json.loads(text) for text in texts]
    for message in messages:
        FROM_SERVER.validate(message)
    assert {message["streamSid"] for message in messages} <= {stream_sid}
    return messages
