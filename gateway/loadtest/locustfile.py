"""Recorded callers for Locust: ``locust -f locustfile.py``, alone, or as ``--master`` and ``--worker`` on many machines.

Locust's own options say how many calls (``--users``), how many new ones a second (``--spawn-rate``), how long
(``--run-time``) and whose number is called (``--host``); the rest is in ``arguments.py``. Each process reads the auth
token from its own environment; it is never sent to another machine.
"""

import argparse
import sys
from typing import Any

import msgspec
from gevent.fileobject import FileObject
from locust import events
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, Runner, WorkerRunner

from gateway.errors import GatewayError
from gateway.loadtest.arguments import add_arguments, given_options
from gateway.loadtest.master_side import MasterSide
from gateway.loadtest.messages import Begin
from gateway.loadtest.parent import end_with_parent
from gateway.loadtest.secret import read_auth_token
from gateway.loadtest.worker_side import CallerLine, WorkerSide

__all__ = ["CallerLine"]


def _add_arguments(parser: argparse.ArgumentParser, **_: Any) -> None:
    add_arguments(parser)


def _begin(environment: Environment, runner: Runner, **_: Any) -> None:
    """Take up this process's part, or both parts."""
    try:
        begin = _orders(environment.parsed_options, signs=not isinstance(runner, MasterRunner))
        if isinstance(runner, (MasterRunner, LocalRunner)):
            _lead(environment, runner, begin)
        if isinstance(runner, (WorkerRunner, LocalRunner)):
            worker = WorkerSide(environment, runner)
            environment.events.quitting.add_listener(lambda **_: worker.stop())
            worker.start(begin)
    except GatewayError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _orders(parsed: argparse.Namespace | None, *, signs: bool) -> Begin:
    """What to do: from the command that drives us, or from Locust's command line; whoever signs needs the token."""
    assert parsed is not None  # noqa: S101 - Locust's own main has parsed it
    if not parsed.driven:
        return Begin(given_options(parsed), read_auth_token(parsed.auth_token_env) if signs else "")
    orders = FileObject(sys.stdin.fileno(), "rb")
    begin = msgspec.json.decode(orders.readline(), type=Begin)
    end_with_parent(orders)
    return begin


def _lead(environment: Environment, runner: MasterRunner | LocalRunner, begin: Begin) -> None:
    is_driven = environment.parsed_options is not None and environment.parsed_options.driven
    master = MasterSide(environment, runner, begin.options, reports=is_driven)
    environment.events.quitting.add_listener(lambda **_: master.finish())
    master.start()


events.init_command_line_parser.add_listener(_add_arguments)
events.init.add_listener(_begin)
