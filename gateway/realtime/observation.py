"""Shows every event of both sides, as it was on the wire, to whoever wants to see all of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gateway.realtime.api import RealtimeAPI


def observe(api: RealtimeAPI, show: Callable[[dict[str, Any]], None]) -> None:
    """Have ``show`` called with {"time", "source", "event"} of each; the source is ``server`` or ``client``."""

    def show_from(source: str) -> Callable[[dict[str, Any]], None]:
        return lambda event: show({"time": datetime.now(UTC).isoformat(), "source": source, "event": event})

    for source in ("server", "client"):
        api.on(f"{source}.*", show_from(source))
