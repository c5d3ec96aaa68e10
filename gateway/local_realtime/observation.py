"""The files in which observed sessions are left: one each, whole or not at all, for their owner alone."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog

from gateway.local_realtime.observing import Recorder
from gateway.observed import FINISHED, UNFINISHED, Observed, file_name, is_label

_log = structlog.get_logger()


@contextlib.asynccontextmanager
async def observing(folder: Path | None, address: str, session_id: str) -> AsyncIterator[Recorder | None]:
    """Observe a session to the end of the body, if there is a folder and ``call=`` in the session's address.

    A label that is none is ignored. Files are written in a thread; one that cannot be is a warning, and no more.
    """
    label = parse_qs(urlsplit(address).query).get("call", [""])[0]
    if folder is None or not is_label(label):
        yield None
        return
    unfinished = folder / file_name(label, session_id, UNFINISHED)
    try:
        await asyncio.to_thread(_begin, unfinished)
    except OSError as exc:
        _log.warning("a session is not observed", reason=exc.strerror)
        yield None
        return
    recorder = Recorder(session_id)
    try:
        yield recorder
    finally:
        finished = folder / file_name(label, session_id, FINISHED)
        await asyncio.to_thread(_finish, unfinished, finished, recorder.observed())


def _begin(unfinished: Path) -> None:
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _finish(unfinished: Path, finished: Path, observed: Observed) -> None:
    try:
        unfinished.write_bytes(msgspec.msgpack.encode(observed))
        unfinished.replace(finished)
    except OSError as exc:
        _log.warning("an observed session is lost", reason=exc.strerror)
        with contextlib.suppress(OSError):
            unfinished.unlink()
