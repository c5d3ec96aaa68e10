import functools
import json
import math
import threading
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from gateway.errors import GatewayError, ToolError
from gateway.tool_schema import MAX_ARGUMENTS
from gateway.tools import Tool
from tests.tool_functions import ECHO, book, error, run, run_lambda

# What the model is told


def test_schema_comes_from_the_signature_and_the_words_from_the_docstring() -> None:
    definition = Tool.from_function(book).definition

    parameters = definition.pop("parameters")
    assert definition == {
        "type": "function",
        "name": "book",
        "description": "Book a table.\n\nOnly for today.",
    }
    assert parameters["type"] == "object"
    assert parameters["required"] == ["name", "guests"]
    assert parameters["additionalProperties"] is False
    assert parameters["properties"] == {
        "name": {"type": "string", "description": "Who asks,\nin full."},
        "guests": {
            "type": "array",
            "items": {"$ref": "#/$defs/Guest"},
            "description": "Everybody who comes.",
        },
        "size": {"$ref": "#/$defs/Size", "default": "small"},
        "floor": {
            "type": "integer",
            "minimum": 0,
            "maximum": 3,
            "default": 0,
            "description": "Where to sit.",
        },
        "meal": {"type": "string", "enum": ["lunch", "dinner"], "default": "dinner"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    }
    assert parameters["$defs"]["Size"]["enum"] == ["small", "large"]
    assert parameters["$defs"]["Guest"]["required"] == ["name"]


def test_given_name_and_description_win() -> None:
    definition = Tool.from_function(book, name="reserve-1", description="Reserve.").definition

    assert (definition["name"], definition["description"]) == ("reserve-1", "Reserve.")


def test_function_without_parameters_or_words_has_an_empty_schema_and_no_description() -> None:
    assert Tool.from_function(lambda: 1, name="one").definition == {
        "type": "function",
        "name": "one",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    }


def test_docstring_that_cannot_be_taken_apart_is_the_description_as_it_is() -> None:
    def odd() -> None: ...

    odd.__doc__ = "Do.\n\nArgs:\nnothing is indented here"

    assert "Do." in Tool.from_function(odd).definition["description"]


def test_default_that_json_cannot_write_leaves_the_schema_writable() -> None:
    sentinel = object()

    def look(limit: float = math.inf, mark: Any = sentinel) -> str:
        return f"{limit} {mark is sentinel}"

    tool = Tool.from_function(look)

    json.dumps(tool.definition, allow_nan=False)
    assert run(tool) == "inf True"


def test_parameter_may_have_any_name_that_python_allows() -> None:
    def odd(schema: int, model_config: int, _private: int, field_0: int, copy: int) -> list[int]:
        return [schema, model_config, _private, field_0, copy]

    arguments = {"schema": 1, "model_config": 2, "_private": 3, "field_0": 4, "copy": 5}

    assert json.loads(run(Tool.from_function(odd), json.dumps(arguments))) == [1, 2, 3, 4, 5]


def test_what_a_partial_has_bound_is_neither_shown_to_the_model_nor_set_by_it() -> None:
    def look(city: str, *, key: str) -> str:
        """Look up."""
        return f"{city} {key}"

    tool = Tool.from_function(functools.partial(look, key="secret"))

    assert "secret" not in json.dumps(tool.definition)
    assert (tool.name, tool.definition["description"]) == ("look", "Look up.")
    assert run(tool, '{"city": "Rome"}') == "Rome secret"
    assert error(run(tool, '{"city": "Rome", "key": "mine"}')).startswith("Argument key: ")


def test_method_and_callable_object_are_tools_too() -> None:
    class Desk:
        def __init__(self, city: str) -> None:
            self.city = city

        def where(self, street: str) -> str:
            return f"{street}, {self.city}"

        async def __call__(self, street: str) -> str:
            """Say where."""
            return f"{street} in {self.city}"

    desk = Desk("Rome")
    tool = Tool.from_function(desk)

    assert run(Tool.from_function(desk.where), '{"street": "Via Appia"}') == "Via Appia, Rome"
    assert run(tool, '{"street": "Via Appia"}') == "Via Appia in Rome"
    assert (tool.name, tool.definition["description"]) == ("Desk", "Say where.")


def several(*names: str) -> None: ...
def named(**names: str) -> None: ...
def by_place(name: str, /) -> None: ...
def opaque(name: threading.Thread) -> None: ...
def called(name: Callable[[], int]) -> None: ...
def unresolved(name: "list[Nowhere]") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def of_a_class(name: ClassVar[int]) -> None: ...  # type: ignore[misc]
async def streaming(name: str) -> Any:
    yield name


@pytest.mark.parametrize(
    "function",
    [several, named, by_place, opaque, called, unresolved, of_a_class, streaming, len, 3],
    ids=lambda function: getattr(function, "__name__", str(function)),
)
def test_function_that_cannot_be_described_is_refused_in_one_line(function: Any) -> None:
    with pytest.raises(ToolError) as raised:
        Tool.from_function(function)

    name = getattr(function, "__name__", "int")
    assert str(raised.value).startswith(f'Tool "{name}" ')
    assert "\n" not in str(raised.value)


def test_tool_error_is_one_of_ours() -> None:
    assert issubclass(ToolError, GatewayError)


# Ready definitions


def test_handler_of_a_definition_gets_one_dict() -> None:
    tool = Tool.from_definition(MappingProxyType(ECHO), lambda arguments: arguments)

    assert tool.definition == {"type": "function", **ECHO}
    assert json.loads(run(tool, '{"text": "a", "from": 1}')) == {"text": "a", "from": 1}


def test_definition_without_parameters_takes_none() -> None:
    tool = Tool.from_definition({"type": "function", "name": "now"}, lambda _: "noon")

    assert tool.definition == {
        "type": "function",
        "name": "now",
        "parameters": {"type": "object", "properties": {}},
    }
    assert run(tool) == "noon"


def test_later_changes_to_a_definition_do_not_matter() -> None:
    given = json.loads(json.dumps(ECHO))
    tool = Tool.from_definition(given, lambda arguments: arguments)
    given["parameters"]["properties"]["text"]["type"] = "integer"
    tool.definition["parameters"]["properties"].clear()

    assert tool.definition == {"type": "function", **ECHO}


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({}, "Missing tool name in definition"),
        ({"name": ""}, "Missing tool name in definition"),
        ({"type": "function", "function": ECHO}, "Missing tool name in definition"),
        ({"name": "a b"}, "Tool name must be 1 to 64 of A-Z, a-z, 0-9, _ and -, not 'a b'"),
        ({"name": "größe"}, "Tool name must be 1 to 64 of A-Z, a-z, 0-9, _ and -, not 'größe'"),
        ({"name": "a\n"}, r"Tool name must be 1 to 64 of A-Z, a-z, 0-9, _ and -, not 'a\n'"),
        ({"name": 7}, "Tool name must be 1 to 64 of A-Z, a-z, 0-9, _ and -, not '7'"),
        ({"name": "a", "strict": True, "x": 1}, 'Tool "a" definition has unknown keys: strict, x'),
        ({"name": "a", "type": "mcp"}, 'Tool "a" must have the type "function"'),
        ({"name": "a", "description": 3}, 'Tool "a" description must be text'),
        ({"name": "a", "parameters": "{}"}, 'Tool "a" parameters must be the JSON schema of an object'),
        (
            {"name": "a", "parameters": {"type": "string"}},
            'Tool "a" parameters must be the JSON schema of an object',
        ),
        ({"name": "a", "parameters": {"x": math.nan}}, 'Tool "a" parameters cannot be written as JSON'),
        ({"name": "a", "parameters": {"x": {1}}}, 'Tool "a" parameters cannot be written as JSON'),
    ],
)
def test_definition_that_a_server_would_refuse_is_refused(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolError) as raised:
        Tool.from_definition(definition, lambda _: None)

    assert str(raised.value) == message


def test_name_has_64_characters_at_most() -> None:
    assert Tool.from_definition({"name": "a" * 64}, lambda _: None).name == "a" * 64
    with pytest.raises(ToolError):
        Tool.from_definition({"name": "a" * 65}, lambda _: None)


def test_handler_that_is_no_function_is_refused() -> None:
    with pytest.raises(ToolError) as raised:
        Tool.from_definition(ECHO, "echo")  # type: ignore[arg-type]

    assert str(raised.value) == 'Tool "echo" handler must be a function'


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
def test_every_tool_has_a_time_limit(timeout: float) -> None:
    with pytest.raises(ToolError, match="timeout"):
        Tool.from_definition(ECHO, lambda _: None, timeout=timeout)


# Arguments


def test_arguments_arrive_as_the_annotated_types() -> None:
    arguments = {"name": "Ada", "guests": [{"name": "Bob"}], "size": "large", "note": None}

    assert run(Tool.from_function(book), json.dumps(arguments)) == "Ada [18] Size.LARGE 0 dinner None"


@pytest.mark.parametrize("arguments", ["", " \n", "{}"])
def test_empty_argument_string_means_no_arguments(arguments: str) -> None:  # T2
    assert run_lambda(lambda: "ran", arguments) == "ran"
    assert run(Tool.from_definition(ECHO, lambda given: given), arguments) == "{}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"guests": []}, "Argument name: Field required"),
        ({"name": 5, "guests": []}, "Argument name: Input should be a valid string"),
        (
            {"name": "a", "guests": [{"name": "b", "age": -1}]},
            "Argument guests.0.age: Input should be greater than or equal to 0",
        ),
        ({"name": "a", "guests": [], "size": "huge"}, "Argument size: Input should be 'small' or 'large'"),
        ({"name": "a", "guests": [], "self": 1}, "Argument self: Extra inputs are not permitted"),
        ({"name": "a", "guests": [], "field_0": "b"}, "Argument field_0: Extra inputs are not permitted"),
        (
            {"guests": [], "a b; c": 1},
            "Argument name: Field required; Argument a b; c: Extra inputs are not permitted",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_an_error_output_that_names_them(
    arguments: dict[str, Any], message: str
) -> None:  # T3
    assert error(run(Tool.from_function(book), json.dumps(arguments))) == message


@pytest.mark.parametrize(
    "arguments",
    [
        "{",
        "nul",
        "[]",
        "null",
        '"{}"',
        '{"a": NaN}',
        "[" * 50_000,
        '{"a": "\ud800"',
        r'{"a": "\ud800"}',
        "\x00",
    ],
    ids=range(10),
)
def test_arguments_that_are_no_json_object_never_reach_the_function(arguments: str) -> None:
    called: list[Any] = []
    handler = Tool.from_definition(ECHO, called.append)
    function = Tool.from_function(lambda a=None: called.append(a), name="tool")

    for tool in (handler, function):
        assert error(run(tool, arguments)).startswith("The arguments are not ")
    assert called == []


def test_arguments_over_64_kib_are_an_error_output() -> None:
    tool = Tool.from_definition(ECHO, lambda arguments: len(arguments["text"]))
    longest = MAX_ARGUMENTS - len('{"text": ""}')

    assert run(tool, json.dumps({"text": "a" * longest})) == str(longest)
    assert "65536 bytes" in error(run(tool, json.dumps({"text": "a" * (longest + 1)})))
    assert "65536 bytes" in error(run(tool, json.dumps({"text": "ä" * longest}, ensure_ascii=False)))
    assert "65536 bytes" in error(run_lambda(lambda text: text, json.dumps({"text": "a" * longest + "a"})))


def test_complaint_stays_short_whatever_the_model_sends() -> None:
    output = run(Tool.from_function(book), json.dumps({"x" * 60_000: 1} | {f"y{i}": 1 for i in range(100)}))

    assert len(error(output)) < 400
