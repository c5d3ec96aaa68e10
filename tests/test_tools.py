import asyncio
import contextvars
import dataclasses
import enum
import functools
import json
import math
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

import pytest
import structlog
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs

from gateway.errors import GatewayError, ToolError
from gateway.tool_output import MAX_OUTPUT
from gateway.tool_schema import MAX_ARGUMENTS
from gateway.tools import MAX_OVERDUE, MAX_TOOLS, Tool, Toolbox


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Guest(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0)] = 18


@dataclasses.dataclass
class Table:
    number: int
    free: bool


def book(
    name: str,
    guests: list[Guest],
    *,
    size: Size = Size.SMALL,
    floor: Annotated[int, Field(ge=0, le=3, description="Where to sit.")] = 0,
    meal: Literal["lunch", "dinner"] = "dinner",
    note: str | None = None,
) -> str:
    """Book a table.

    Only for today.

    Args:
        name: Who asks,
            in full.
        guests: Everybody who comes.
        floor: This is not shown: the annotation has its own words.
        colour: There is no such parameter.

    Returns:
        What was booked.
    """
    return f"{name} {[guest.age for guest in guests]} {size} {floor} {meal} {note}"


def run(tool: Tool, arguments: str = "") -> str:
    return asyncio.run(tool.run(arguments))


def run_lambda(function: Callable[..., Any], arguments: str = "") -> str:
    return run(Tool.from_function(function, name="tool"), arguments)


def error(output: str) -> str:
    document = json.loads(output)
    assert list(document) == ["error"]
    return str(document["error"])


@contextmanager
def stuck() -> Iterator[Callable[[], str]]:
    """A plain function that does not return before the block ends; then all its threads are waited for."""
    release = threading.Event()
    threads: list[threading.Thread] = []

    def wait() -> str:
        threads.append(threading.current_thread())
        release.wait()
        return "late"

    try:
        yield wait
    finally:
        release.set()
        for thread in threads:
            thread.join()


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

ECHO = {
    "name": "echo",
    "description": "Say it again.",
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
}


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


# Kinds of function


def test_plain_function_runs_in_a_thread_and_a_coroutine_function_on_the_loop() -> None:  # T1
    def plain() -> int:
        return threading.get_ident()

    async def on_loop() -> int:
        return threading.get_ident()

    assert run(Tool.from_function(plain)) != str(threading.get_ident())
    assert run(Tool.from_function(on_loop)) == str(threading.get_ident())


def test_awaitable_that_a_plain_function_returns_is_awaited() -> None:  # T1
    async def double(n: int) -> int:
        return 2 * n

    def start(n: int) -> Awaitable[int]:
        return double(n)

    assert run(Tool.from_function(start), '{"n": 4}') == "8"
    assert run_lambda(lambda: double(5)) == "10"
    assert run(Tool.from_function(functools.partial(double)), '{"n": 6}') == "12"
    assert run(Tool.from_definition(ECHO, lambda arguments: double(arguments["n"])), '{"n": 7}') == "14"


def test_context_of_the_call_reaches_a_function_in_a_thread() -> None:
    call_sid = contextvars.ContextVar("call_sid", default="none")

    def read() -> str:
        return call_sid.get()

    async def main() -> str:
        call_sid.set("CA1")
        return await Tool.from_function(read).run("")

    assert asyncio.run(main()) == "CA1"


# Results


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("plain text", "plain text"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        ({"a": [1, 2.5, None]}, '{"a":[1,2.5,null]}'),
        (Guest(name="Zoë"), '{"name":"Zoë","age":18}'),
        (Table(4, free=True), '{"number":4,"free":true}'),
        (Size.LARGE, '"large"'),
        ({"t": Table(4, free=True)}, '{"t":{"number":4,"free":true}}'),
        (b"bytes", '"bytes"'),
        (math.nan, "null"),
        ({"a": [math.inf, -math.inf]}, '{"a":[null,null]}'),
        ("a\ud800b", "a?b"),
    ],
    ids=repr,
)
def test_text_goes_out_as_it_is_and_all_else_as_json(result: Any, output: str) -> None:
    async def later() -> Any:
        return result

    assert run_lambda(lambda: result) == output
    assert run(Tool.from_function(later)) == output


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Plain:
    def __str__(self) -> str:
        return "plain"


class InsistsOnNaN(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    value: float = math.nan


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("result", "read_back"),
    [
        (Plain(), "plain"),
        ({"a": Plain()}, {"a": "plain"}),
        (Unprintable(), "<Unprintable>"),
        ({"a": Unprintable()}, {"a": "<Unprintable>"}),
        (b"\xff", "b'\\xff'"),
        (CYCLE, "[[...]]"),
        (InsistsOnNaN(), {"value": None}),
        ({"a": "\ud800"}, "{'a': '\\ud800'}"),
        (10**5000, "<int>"),
    ],
    ids=[
        "object",
        "within",
        "unprintable",
        "unprintable-within",
        "bytes",
        "cycle",
        "nan",
        "surrogate",
        "int",
    ],
)
def test_result_that_cannot_be_serialised_is_never_reported_as_a_failure(
    result: Any, read_back: Any
) -> None:  # T4
    assert json.loads(run_lambda(lambda: result)) == read_back


@pytest.mark.parametrize("character", ["a", "ä", "€", "😀"])
def test_long_output_is_cut_between_characters_and_says_so(character: str) -> None:
    whole = character * (MAX_OUTPUT + 1)
    output = run_lambda(lambda: whole)

    kept, note = output.split(" [cut: ")
    assert note == f"{len(whole.encode())} bytes were too long]"
    assert kept == character * len(kept)
    assert MAX_OUTPUT - len(character.encode()) < len(output.encode()) <= MAX_OUTPUT


def test_output_of_just_8_kb_is_whole() -> None:
    assert run_lambda(lambda: "ä" * (MAX_OUTPUT // 2)) == "ä" * (MAX_OUTPUT // 2)
    assert len(run_lambda(lambda: {"a": "b" * MAX_OUTPUT}).encode()) <= MAX_OUTPUT


# Failures


def raising(exc: BaseException, *, coroutine: bool) -> Tool:
    def fail() -> None:
        raise exc

    async def fail_later() -> None:
        raise exc

    return Tool.from_function(fail_later if coroutine else fail, name="fail")


@pytest.mark.parametrize("coroutine", [True, False])
def test_tool_error_tells_the_model_its_message(coroutine: bool) -> None:
    with capture_logs() as logs:
        assert error(run(raising(ToolError("No table left."), coroutine=coroutine))) == "No table left."
        assert error(run(raising(ToolError(), coroutine=coroutine))) == "The tool failed."
        assert len(run(raising(ToolError("\x00😀" * 9000), coroutine=coroutine)).encode()) <= MAX_OUTPUT
    assert logs == []


@pytest.mark.parametrize("coroutine", [True, False])
@pytest.mark.parametrize(
    "exc",
    [
        ValueError("password hunter2"),
        TimeoutError("hunter2"),
        StopIteration("hunter2"),
        SystemExit("hunter2"),
        asyncio.CancelledError("hunter2"),
        BaseException("hunter2"),
        ExceptionGroup("hunter2", [ToolError("hunter2")]),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_other_exceptions_are_logged_and_keep_their_text_from_the_model(
    exc: BaseException, coroutine: bool
) -> None:
    with capture_logs() as logs:
        output = run(raising(exc, coroutine=coroutine))

    assert error(output) == "The tool failed."
    assert [(log["event"], log["log_level"], log["tool"]) for log in logs] == [
        ("tool failed", "error", "fail")
    ]
    if isinstance(exc, StopIteration):  # a coroutine cannot let one out
        assert logs[0]["error_type"] == "RuntimeError"
    else:
        assert logs[0]["error_type"] == type(exc).__name__
    assert "in fail" in logs[0]["exception"]


def test_log_of_a_failure_has_no_arguments_however_structlog_renders_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(text: str) -> None:
        raise ValueError(len(text))

    structlog.reset_defaults()  # a renderer that shows the variables of each frame, where it can

    run(Tool.from_function(fail), '{"text": "hunter2"}')

    logged = capsys.readouterr().out
    assert "ValueError: 7" in logged
    assert "hunter2" not in logged


def test_validator_that_breaks_is_an_error_output() -> None:
    def read(text: Annotated[str, Field(ge=3)]) -> None: ...

    with capture_logs() as logs:
        assert error(run(Tool.from_function(read), '{"text": "a"}')) == "The tool failed."
    assert len(logs) == 1


# Deadlines, cancellation, threads


def test_coroutine_is_cancelled_at_its_deadline() -> None:
    cancelled: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("yes")
            raise

    with capture_logs() as logs:
        output = run(Tool.from_function(wait, timeout=0.01))

    assert error(output) == "The tool took too long: it was given up after 0.01 s."
    assert cancelled == ["yes"]
    assert [(log["event"], log["tool"]) for log in logs] == [("tool took too long", "wait")]


def test_deadline_covers_what_a_plain_function_returns_to_be_awaited() -> None:
    tool = Tool.from_function(lambda: asyncio.Event().wait(), name="wait", timeout=0.01)

    assert error(run(tool)).startswith("The tool took too long")


def test_plain_function_past_its_deadline_goes_on_and_its_result_is_dropped() -> None:
    finished = threading.Event()
    release = threading.Event()

    def slow() -> Awaitable[bool]:
        release.wait()
        finished.set()
        return asyncio.Event().wait()  # a coroutine that nobody will await

    async def main() -> str:
        output = await Tool.from_function(slow, timeout=0.01).run("")
        assert not finished.is_set()
        release.set()
        await asyncio.to_thread(finished.wait)
        return output

    assert error(asyncio.run(main())).startswith("The tool took too long")


def test_thread_may_outlive_the_loop() -> None:
    with stuck() as wait:
        assert error(run(Tool.from_function(wait, timeout=0.01))).startswith("The tool took too long")


@pytest.mark.parametrize("coroutine", [True, False])
def test_cancelling_a_running_tool_cancels_run(coroutine: bool) -> None:
    async def main(wait: Callable[[], str]) -> None:
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def wait_on_loop() -> None:
            started.set()
            await asyncio.Event().wait()

        def wait_in_thread() -> str:
            loop.call_soon_threadsafe(started.set)
            return wait()

        tool = Tool.from_function(wait_on_loop if coroutine else wait_in_thread, timeout=60)
        task = asyncio.create_task(tool.run(""))
        await started.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    with stuck() as wait, capture_logs() as logs:
        asyncio.run(main(wait))
    assert logs == []


def test_run_that_is_closed_halfway_is_no_failure_of_the_tool() -> None:
    async def main() -> None:
        running = Tool.from_function(asyncio.Event().wait).run("")
        running.send(None)
        running.close()

    with capture_logs() as logs:
        asyncio.run(main())
    assert logs == []


def test_plain_functions_neither_block_the_loop_nor_wait_for_each_other() -> None:
    n_calls = 40  # more than the threads of the loop's own executor
    together = threading.Barrier(n_calls + 1)

    async def main() -> list[str]:
        tool = Tool.from_function(lambda: together.wait() >= 0, name="wait", timeout=60)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(tool.run("")) for _ in range(n_calls)]
            await asyncio.to_thread(together.wait)  # only a free loop and a free executor get here
        return [task.result() for task in running]

    assert asyncio.run(main()) == ["true"] * n_calls


def test_tool_with_too_many_overdue_threads_is_refused_until_they_end() -> None:
    async def main(tool: Tool) -> list[str]:
        overdue = [await tool.run("") for _ in range(MAX_OVERDUE)]
        assert all("too long" in error(output) for output in overdue)
        return [await tool.run("")]

    with stuck() as wait:
        tool = Tool.from_function(wait, timeout=0.01)
        assert [error(output) for output in asyncio.run(main(tool))] == [
            "The tool is still busy with earlier calls."
        ]
        tool.timeout = 60
    assert run(tool) == "late"


def test_threads_of_a_tool_do_not_keep_the_program_from_ending() -> None:
    assert run_lambda(lambda: threading.current_thread().daemon) == "true"


# Toolbox


def tool_named(name: str) -> Tool:
    return Tool.from_definition({"name": name}, lambda _: name)


def test_toolbox_keeps_tools_in_the_order_of_adding() -> None:
    toolbox = Toolbox()
    for name in ("c", "a", "b"):
        toolbox.add(tool_named(name))
    toolbox.remove("a")
    toolbox.add(tool_named("a"))

    assert [definition["name"] for definition in toolbox.definitions()] == ["c", "b", "a"]
    assert len(toolbox) == 3
    assert "a" in toolbox
    assert "d" not in toolbox
    assert toolbox.get("d") is None
    found = toolbox.get("b")
    assert found is not None
    assert run(found) == "b"

    toolbox.clear()
    assert (len(toolbox), toolbox.definitions(), toolbox.get("a")) == (0, [], None)


def test_second_tool_of_a_name_is_refused_and_the_first_kept() -> None:
    toolbox = Toolbox()
    first = tool_named("a")
    toolbox.add(first)

    with pytest.raises(ToolError) as raised:
        toolbox.add(tool_named("a"))

    message = 'Tool "a" already added. Please use .remove_tool("a") before trying to add again.'
    assert str(raised.value) == message
    assert toolbox.get("a") is first


def test_removing_a_tool_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ToolError) as raised:
        Toolbox().remove("a")

    assert str(raised.value) == 'Tool "a" does not exist, can not be removed.'


def test_toolbox_is_bounded() -> None:
    toolbox = Toolbox()
    for i in range(MAX_TOOLS):
        toolbox.add(tool_named(f"t{i}"))

    with pytest.raises(ToolError, match="128"):
        toolbox.add(tool_named("one-more"))
    assert len(toolbox) == 128


def test_changing_a_definition_from_the_toolbox_changes_no_tool() -> None:
    toolbox = Toolbox()
    toolbox.add(tool_named("a"))
    toolbox.definitions()[0]["parameters"]["properties"]["x"] = {}

    assert toolbox.definitions()[0]["parameters"] == {"type": "object", "properties": {}}
