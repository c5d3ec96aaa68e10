"""Examples of the official server events, made from the published types themselves."""

import itertools
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from openai.types import realtime
from pydantic import BaseModel

Choice = Callable[[Sequence[Any]], Any]
"""Picks one of the members of a union, or of the values of a literal."""
N_VARIANTS = 12
"""More than any union has members, so that each is picked in some variant."""
SOUND = "AAABAAIAAwA="
"""Four samples of PCM16 in base64."""


def _kinds() -> Iterator[tuple[str, type[BaseModel]]]:
    for model in typing.get_args(typing.get_args(realtime.RealtimeServerEvent)[0]):
        yield model.model_fields["type"].annotation.__args__[0], model


SERVER_EVENTS: dict[str, type[BaseModel]] = dict(_kinds())
"""The types of all server events, by the ``type`` on the wire."""


def filled(model: type[BaseModel], variant: int = 0) -> BaseModel:
    """An instance with every field filled; the variant says which member of each union is taken."""
    numbers = itertools.count(1)
    return _model(model, lambda members: members[variant % len(members)], numbers)


def sparse(model: type[BaseModel]) -> BaseModel:
    """An instance with null in every field, at any depth, that may be null."""
    return _model(model, lambda members: None if type(None) in members else members[0], itertools.count(1))


def _model(model: type[BaseModel], choose: Choice, numbers: Iterator[int]) -> BaseModel:
    fields = {
        name: _value(field.annotation, name, choose, numbers) for name, field in model.model_fields.items()
    }
    if fields.get("type") == "response.output_audio.delta":
        fields["delta"] = SOUND
    return model.model_validate(fields)


def _value(annotation: Any, name: str, choose: Choice, numbers: Iterator[int]) -> Any:
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _value(members[0], name, choose, numbers)
    if origin in {typing.Union, types.UnionType}:
        return _of_union(members, name, choose, numbers)
    if origin is typing.Literal:
        return choose(members)
    if origin in {list, dict}:
        value = _value(members[-1], name, choose, numbers)
        return [value] if origin is list else {"key": value}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation, choose, numbers)
    return _plain(annotation, name, next(numbers))


def _of_union(members: Sequence[Any], name: str, choose: Choice, numbers: Iterator[int]) -> Any:
    """``choose`` sees None only if it asks: null is one more member to `sparse`, and never taken by `filled`."""
    some = [member for member in members if member is not type(None)]
    chosen = choose([type(None)]) if len(some) < len(members) else type(None)
    return None if chosen is None else _value(choose(some), name, choose, numbers)


def _plain(annotation: Any, name: str, number: int) -> Any:
    if annotation is bool:
        return True
    if annotation is int:
        return number
    if annotation is float:
        return number + 0.5
    return f"{name} {number}"
