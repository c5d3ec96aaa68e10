from typing import Any

import pytest

from gateway.local_realtime.errors import ClientEventError
from gateway.local_realtime.tools import OfferedTool, OfferedTools, offered_tools

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "name": "weather", "description": "How warm it is", "parameters": CITY}
TIME = {"type": "function", "name": "time"}
REMOTE = {"type": "mcp", "server_label": "shop"}
BOTH = (OfferedTool("weather", "How warm it is", CITY), OfferedTool("time"))


@pytest.mark.parametrize(
    ("choice", "offered"),
    [
        ("auto", OfferedTools(BOTH)),
        ("none", OfferedTools()),
        ("required", OfferedTools(BOTH, ("weather", "time"))),
        (TIME, OfferedTools(BOTH, ("time",))),
        ({"type": "mcp", "server_label": "shop"}, OfferedTools()),
    ],
)
def test_the_choice_says_which_functions_may_and_must_be_called(choice: Any, offered: OfferedTools) -> None:
    assert offered_tools([WEATHER, REMOTE, TIME], choice, where="session") == offered


@pytest.mark.parametrize(
    ("tools", "choice", "named"),
    [
        ([], "required", "a tool"),
        ([TIME, REMOTE], WEATHER, "'weather'"),
        ([REMOTE], {"type": "function", "name": "shop"}, "'shop'"),
        ([TIME], {"type": "mcp", "server_label": "shop", "name": "buy"}, "'shop'"),
    ],
)
def test_a_choice_of_what_is_not_there_is_refused(tools: Any, choice: Any, named: str) -> None:
    with pytest.raises(ClientEventError, match=f"demands {named},") as caught:
        offered_tools(tools, choice, where="response")
    assert caught.value.param == "response.tool_choice"
