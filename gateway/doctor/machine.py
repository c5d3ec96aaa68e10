"""This machine: open files, and the disk below the files and folders that the settings name."""

import asyncio
import importlib.util
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from gateway.doctor.check import Finding, failed, ok, skipped, together, warning
from gateway.settings import Settings

BASE_FILES = 200
"""Files that the process has open without a call, and sockets that are no calls yet."""
LITTLE_SPACE = 1 << 30
"""Bytes; below, a disk is soon full."""
NO_SPACE = 100 << 20
"""Bytes; below, it is as good as full."""
_READ_ONLY = frozenset({"agents_file"})
"""Settings whose files are not written to."""


async def check_open_files(settings: Settings) -> Finding:
    """Hold the limit of open files against the calls to be taken."""
    if importlib.util.find_spec("resource") is None:
        return skipped("this system has no such limit")
    import resource  # noqa: PLC0415 - not to be had on Windows

    return files_judged(settings, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def files_judged(settings: Settings, limit: int) -> Finding:
    """Judge a soft limit of open files; below zero there is none."""
    wanted = files_wanted(settings)
    if limit < 0:
        return ok("as many as are wanted")
    if limit >= wanted:
        return ok(f"{limit} may be open here, {settings.max_calls} calls want {wanted}")
    return failed(
        f"{limit} may be open here, MAX_CALLS={settings.max_calls} wants {wanted}",
        f"Raise the limit where the gateway is started: ulimit -n {wanted}, or LimitNOFILE={wanted} for systemd.",
    )


def files_wanted(settings: Settings) -> int:
    """Count what may be open with all calls going on: two sockets each, the embedded server's two, and files."""
    per_call = 2 + 2 * settings.wants_embedded_server + len(list(_folders(settings)))
    return BASE_FILES + per_call * settings.max_calls


async def check_disk(settings: Settings) -> Finding:
    """Write into every folder that the settings name, and ask for the space left."""
    places = {path: name for name, path in _folders(settings)}
    places |= {path.absolute().parent: name for name, path in _files(settings)}
    if not places:
        return skipped("the settings name no files or folders to write to")
    looks = [partial(_look, name, path) for path, name in places.items()]
    return together(await asyncio.gather(*map(_in_thread, looks)))


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    return _paths(settings, "_dir")


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    return _paths(settings, "_file")


def _paths(settings: Settings, ending: str) -> Iterator[tuple[str, Path]]:
    for name, value in settings:
        if name.endswith(ending) and name not in _READ_ONLY and isinstance(value, Path):
            yield name.upper(), value


def _look(name: str, folder: Path) -> Finding:
    """Try a folder; one that is missing is the gateway's to make, in the nearest that is there."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        if not there.is_dir():
            return failed(f"{name}: {there} is no folder", "Correct the setting.")
        if there == folder:
            with tempfile.TemporaryFile(dir=there):
                pass
        elif not os.access(there, os.W_OK | os.X_OK):
            return failed(
                f"{name}: {folder} is missing and cannot be made", f"Make it, or make {there} writable."
            )
        free = shutil.disk_usage(there).free
    except OSError as exc:
        return failed(
            f"{name}: {folder} cannot be written: {exc.strerror}", "Make it writable for the gateway's user."
        )
    return space_judged(name, folder, free)


def space_judged(name: str, folder: Path, free: int) -> Finding:
    """Judge the bytes that are free below a folder."""
    words = f"{name}: {free / (1 << 30):.1f} GiB free in {folder}"
    if free < NO_SPACE:
        return failed(words, "Make room there.")
    return warning(words, "Make room there.") if free < LITTLE_SPACE else ok(words)


async def _in_thread(look: Callable[[], Finding]) -> Finding:
    """Run what may hang with a disk that does, in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Finding] = loop.create_future()

    def settle(finding: Finding) -> None:
        if not answer.done():
            answer.set_result(finding)

    def run() -> None:
        finding = look()
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, finding)

    threading.Thread(target=run, name="disk", daemon=True).start()
    return await answer
