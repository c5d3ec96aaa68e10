"""What a server and a model are told of a tool, and what comes of the arguments a model gives. No I/O."""

import functools
import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import from_json, to_json

from gateway.errors import ToolError

MAX_ARGUMENTS = 64 * 1024
"""Bytes of UTF-8 that one call's arguments may have."""

Bind = Callable[[bytes], Callable[[], Any]]
"""From the arguments' JSON text to the call that is to be made; raises ToolError where they do not fit."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class _PlainSchema(GenerateJsonSchema):
    """JSON schema without titles that repeat names; a default that JSON cannot write is left out."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - so in pydantic

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def checked_definition(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a definition, complete as a server takes it: one wrong key there loses the entire session update."""
    name = definition.get("name")
    if not name:
        raise ToolError("Missing tool name in definition")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ToolError(f"Tool name must be 1 to 64 of A-Z, a-z, 0-9, _ and -, not {str(name)[:80]!r}")
    unknown = definition.keys() - {"type", "name", "description", "parameters"}
    if unknown:
        raise ToolError(f'Tool "{name}" definition has unknown keys: {", ".join(sorted(map(str, unknown)))}')
    if definition.get("type", "function") != "function":
        raise ToolError(f'Tool "{name}" must have the type "function"')
    description = definition.get("description")
    parameters = definition.get("parameters") or {"properties": {}}
    if not isinstance(description, str | None):
        raise ToolError(f'Tool "{name}" description must be text')
    if not isinstance(parameters, Mapping) or parameters.get("type", "object") != "object":
        raise ToolError(f'Tool "{name}" parameters must be the JSON schema of an object')
    try:
        copied = json.loads(json.dumps({"type": "object", **parameters}, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        raise ToolError(f'Tool "{name}" parameters cannot be written as JSON') from exc
    words = {"description": description} if description else {}
    return {"type": "function", "name": name, **words, "parameters": copied}


def describe_function(
    function: Callable[..., Any], name: str, description: str | None
) -> tuple[dict[str, Any], Bind]:
    """Make a definition of a function's signature and docstring, and what binds a model's arguments to it.

    Raises:
        ToolError: no schema can be made of the signature.
    """
    inner = function.func if isinstance(function, functools.partial) else function
    parameters = _parameters(function, name)
    summary, words = _documentation(inner)
    model, schema = _described(parameters, words, name)

    def bind(arguments: bytes) -> Callable[[], Any]:
        parsed_arguments(arguments)
        try:
            values = model.model_validate_json(arguments)
        except ValidationError as exc:
            raise ToolError(_complaint(exc)) from exc
        keywords = {p.name: getattr(values, f"field_{i}") for i, p in enumerate(parameters)}
        return functools.partial(function, **keywords)

    return {"name": name, "description": description or summary, "parameters": schema}, bind


def parsed_arguments(arguments: bytes) -> dict[str, Any]:
    """The arguments as a dict.

    Raises:
        ToolError: they are not a JSON object, or far too long.
    """
    if len(arguments) > MAX_ARGUMENTS:
        raise ToolError(f"The arguments are longer than {MAX_ARGUMENTS} bytes.")
    try:
        parsed = from_json(arguments, allow_inf_nan=False)
    except ValueError as exc:
        raise ToolError("The arguments are not valid JSON.") from exc
    if not isinstance(parsed, dict):
        raise ToolError("The arguments are not a JSON object.")
    return parsed


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError(f'Tool "{name}" must return one value, not generate several')
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception as exc:  # evaluating an annotation may raise anything
        raise ToolError(f'Tool "{name}" signature cannot be read: {exc}') from exc
    hidden = function.keywords if isinstance(function, functools.partial) else {}
    parameters = [p for p in signature.parameters.values() if p.name not in hidden]
    for parameter in parameters:
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise ToolError(f'Tool "{name}" parameter "{parameter}" cannot be given by name')
    return parameters


def _documentation(function: Any) -> tuple[str, dict[str, str]]:
    """The description of a function, and of its parameters by name."""
    call = function if inspect.isroutine(function) or inspect.isclass(function) else type(function).__call__
    text = inspect.cleandoc(call.__doc__ or function.__doc__ or "")
    try:
        parsed = docstring_parser.parse(text, style=docstring_parser.DocstringStyle.GOOGLE)
    except docstring_parser.ParseError:
        return text, {}
    words = {p.arg_name: p.description for p in parsed.params if p.description}
    return (parsed.description or "").strip(), words


def _described(
    parameters: list[inspect.Parameter], words: Mapping[str, str], name: str
) -> tuple[type[BaseModel], dict[str, Any]]:
    """The model that validates a function's arguments, and its JSON schema.

    Fields are numbered, and named by alias alone, because pydantic reserves some names that parameters may have.
    """
    fields: dict[str, Any] = {}
    for i, parameter in enumerate(parameters):
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        alias = Field(alias=parameter.name, validation_alias=parameter.name)
        fields[f"field_{i}"] = (Annotated[annotation, alias], default)
        try:
            _modelled({"field": fields[f"field_{i}"]})
        except Exception as exc:  # pydantic, and types with a schema of their own, may raise anything
            raise ToolError(f'Tool "{name}" parameter "{parameter}" has no JSON schema') from exc
    model, schema = _modelled(fields)
    for parameter_name, description in words.items():
        if parameter_name in schema["properties"]:
            schema["properties"][parameter_name].setdefault("description", description)
    return model, schema


def _modelled(fields: dict[str, Any]) -> tuple[type[BaseModel], dict[str, Any]]:
    model = create_model("Arguments", __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
    schema = model.model_json_schema(schema_generator=_PlainSchema)
    del schema["title"]
    if model.__class_vars__:  # what pydantic takes a parameter annotated as ClassVar for
        raise TypeError("no field")
    return model, from_json(to_json(schema, inf_nan_mode="null"))  # a default may be infinite


def _complaint(exc: ValidationError) -> str:
    """What is wrong with the arguments, the first three mistakes."""
    return "; ".join(f"Argument {'.'.join(map(str, m['loc']))[:100]}: {m['msg']}" for m in exc.errors()[:3])
