import asyncio
import contextvars
import functools
import json
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
import structlog
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs

from gateway.errors import ToolError
from gateway.tool_output import MAX_OUTPUT
from gateway.tools import MAX_OVERDUE, MAX_TOOLS, Tool, Toolbox
from tests.tool_functions import ECHO, Guest, Size, Table, error, run, run_lambda, stuck

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
