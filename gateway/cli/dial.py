"""``gateway dial``: call somebody for an agent, and watch whether they answer."""

import asyncio
import difflib
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import typer

from gateway.agents_file import read_agents
from gateway.cli.dial_view import Dialled, DialView
from gateway.errors import SettingsError, TwilioRestError
from gateway.log import configure_logging
from gateway.outbound import RING_TIMEOUT, dial_order, is_allowed, is_number
from gateway.server import new_event_loop
from gateway.settings import Settings, load_settings
from gateway.twilio.rest import TwilioRest

POLL_INTERVAL = 1.0
"""Seconds from one answer about a call to the next question."""
MAX_FAILED_POLLS = 5
"""In a row; then we no longer know how the call stands."""


def dial(
    numbers: Annotated[list[str], typer.Argument(metavar="+E164", help="Whom to call.", show_default=False)],
    agent: Annotated[str, typer.Option(help="Name of the agent that shall speak.", show_default=False)] = "",
    from_number: Annotated[
        str | None,
        typer.Option("--from", help="Our number to call from, if not OUTBOUND_NUMBER.", show_default=False),
    ] = None,
    ring_timeout: Annotated[int, typer.Option(help="Seconds to let it ring.", min=5, max=600)] = RING_TIMEOUT,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the calls to their ends, not only until they are answered.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each call, nothing else.")
    ] = False,
) -> None:
    """Call phones, one a second, and have an agent of the running gateway speak with who answers.

    Only numbers that OUTBOUND_ALLOWED names are called, and none twice.

    Exits with 0 if all calls were answered, else with 1. Ctrl-C stops following; calls that were placed go on.
    """
    settings = load_settings()
    configure_logging("WARNING", settings.log_format, settings.secrets)
    mistakes = [*_mistakes(settings, numbers, from_number), *_agent_mistakes(settings, agent)]
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    calls = [
        Dialled(
            dial_order(
                number,
                agent,
                public_url=settings.public_url,
                from_number=from_number or settings.outbound_number or "",
                ring_timeout=ring_timeout,
            )
        )
        for number in numbers
    ]
    _run(settings, calls, DialView(calls, as_json=as_json), wait=wait)
    raise typer.Exit(0 if all(call.is_answered for call in calls) else 1)


def _mistakes(settings: Settings, numbers: list[str], from_number: str | None) -> Iterator[str]:
    """What speaks against calling these numbers, a line each."""
    if settings.rest_login is None:
        yield "TWILIO_ACCOUNT_SID: is required to call out"
    if from_number is None and settings.outbound_number is None:
        yield "OUTBOUND_NUMBER: is required, or --from: the number of yours to call from"
    if from_number is not None and not is_number(from_number):
        yield f"--from: {from_number!r} is not a number such as +15551234567 (E.164)"
    for number, n_times in Counter(numbers).items():
        if not is_number(number):
            yield f"{number!r}: is not a number such as +15551234567 (E.164)"
        elif not is_allowed(number, settings.outbound_allowed):
            yield f"{number}: OUTBOUND_ALLOWED does not allow it"
        if n_times > 1:
            yield f"{number}: is given {n_times} times"


def _agent_mistakes(settings: Settings, agent: str) -> Iterator[str]:
    """What speaks against this agent. Without a file of agents only the running gateway knows whom it has."""
    if not agent:
        yield "--agent: is required"
    if settings.agents_file is None:
        return
    try:
        known = read_agents(settings.agents_file).agents
    except SettingsError as exc:
        yield str(exc)
        return
    if agent and agent not in known:
        alike = difflib.get_close_matches(agent, known, 1) or sorted(known)[:10]
        yield f"--agent: {settings.agents_file} has no agent {agent!r}; it has {', '.join(alike)}"


def _run(settings: Settings, calls: list[Dialled], view: DialView, *, wait: bool) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            runner.run(_dial(settings, calls, view, wait=wait))
        except KeyboardInterrupt:
            view.stopped()


async def _dial(settings: Settings, calls: list[Dialled], view: DialView, *, wait: bool) -> None:
    """Place the calls one after the other, and follow each from then on."""
    assert settings.rest_login is not None  # noqa: S101 - it was checked, with a line for the operator
    async with TwilioRest(
        *settings.rest_login,
        url=settings.twilio_api_url,
        region=settings.twilio_region,
        edge=settings.twilio_edge,
    ) as rest:
        with view.live():
            async with asyncio.TaskGroup() as tasks:
                for call in calls:
                    if await _place(rest, call, view):
                        tasks.create_task(_follow(rest, call, view, wait=wait), name="follow-call")


async def _place(rest: TwilioRest, call: Dialled, view: DialView) -> bool:
    """Place one call; whether there is one to follow."""
    try:
        call.call_sid = await rest.dial(call.order, on_turn=call.take_turn)
    except TwilioRestError as exc:
        call.status = "unknown" if exc.is_in_doubt else "not-placed"
        call.error = str(exc)
        call.is_settled = True
    else:
        call.status = "queued"
    view.changed(call)
    return not call.is_settled


async def _follow(rest: TwilioRest, call: Dialled, view: DialView, *, wait: bool) -> None:
    """Ask how a call stands until it is answered, or with ``wait`` until it is over."""
    assert call.call_sid is not None  # noqa: S101 - it was placed
    n_failed = 0
    while not call.is_settled:
        before = call.words()
        try:
            now = await rest.status_of(call.call_sid)
        except TwilioRestError as exc:
            n_failed += 1
            if n_failed == MAX_FAILED_POLLS:
                call.status, call.error, call.is_settled = "unknown", str(exc), True
        else:
            n_failed = 0
            call.status, call.answered_by, call.duration = now.status, now.answered_by, now.duration
            call.is_settled = now.is_over or (call.is_answered and not wait)
        if call.is_settled or call.words() != before:
            view.changed(call)
        if not call.is_settled:
            await asyncio.sleep(POLL_INTERVAL)
