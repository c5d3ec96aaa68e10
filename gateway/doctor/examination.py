"""Runs checks at the same time, each within its time, and tells of each as it is done."""

import asyncio
from collections.abc import Callable, Sequence

from gateway.doctor.check import Check, Finding, failed, skipped

_PASSABLE = frozenset({"ok", "warning"})


async def examine(checks: Sequence[Check], tell: Callable[[Check, Finding], None]) -> dict[str, Finding]:
    """Run all checks and return what they found, by name; one that needs another waits for it."""
    found: dict[str, asyncio.Future[Finding]] = {}

    async def run(check: Check) -> None:
        finding = await _finding(check, found)
        found[check.name].set_result(finding)
        tell(check, finding)

    loop = asyncio.get_running_loop()
    found.update((check.name, loop.create_future()) for check in checks)
    async with asyncio.TaskGroup() as tasks:
        for check in checks:
            tasks.create_task(run(check), name=f"check-{check.name}")
    return {name: each.result() for name, each in found.items()}


async def _finding(check: Check, found: dict[str, asyncio.Future[Finding]]) -> Finding:
    for name in check.needs:
        if (await found[name]).outcome not in _PASSABLE:
            return skipped(f"not looked at, because of: {name}")
    try:
        async with asyncio.timeout(check.timeout):
            return await check.run()
    except TimeoutError:
        return failed(
            f"no answer within {check.timeout:g} s", "Look for a firewall, or a server that is stuck."
        )
    except (
        Exception
    ) as exc:  # one check's bug is not to hide what the others find; its text may hold anything
        return failed(f"the check itself failed: {type(exc).__name__}", "Please report this.")
