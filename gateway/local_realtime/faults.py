"""Faults a session is to have, for whoever tests a client: from a control file, or from the address it connects to."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.errors import SettingsError

MAX_FILE_BYTES = 64 * 1024
_PREFIX = "fault_"
_CLOSE_CODES = {*range(1000, 1004), *range(1006, 1015), *range(3000, 5000)}
"""Those that a close frame may carry (RFC 6455 section 7.4), and 1006, of a connection that was cut."""
_Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong in a session. All times count from its beginning, in seconds."""

    refuse: Annotated[int, Meta(ge=400, le=599)] | None = None
    """The handshake is answered with this HTTP status, such as 429."""
    close_after: _Seconds | None = None
    """The socket is closed..."""
    close_code: int = 1011
    """...with this code, one that a WebSocket may send; 1006 cuts the connection without one."""
    stall_after: _Seconds | None = None
    """From then on nothing is read and nothing sent, while the connection stays."""
    delay: _Seconds = 0.0
    """Every response's first delta comes so much later."""
    drop: tuple[str, ...] = ()
    """Server events of these types are not sent, such as ``session.updated``."""

    def __post_init__(self) -> None:
        """Check what no type can say."""
        if self.close_code not in _CLOSE_CODES:
            raise ValueError(f"no WebSocket is closed with code {self.close_code}")


NO_FAULTS = Faults()


def faults_of_query(query: Mapping[str, Sequence[str]]) -> Faults:
    """Read ``fault_close_after=2&fault_drop=session.updated,response.done`` and the like.

    Raises:
        SettingsError: there is no such fault, or its value is no good.
    """
    given: dict[str, Any] = {
        name.removeprefix(_PREFIX): values[-1] for name, values in query.items() if name.startswith(_PREFIX)
    }
    if "drop" in given:
        given["drop"] = given["drop"].split(",")
    return _faults(given, "query")


def faults_of_file(path: Path) -> Faults:
    """Read a control file: TOML with the fields of `Faults` at its top.

    Raises:
        SettingsError: it cannot be read, or something in it is no fault.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise SettingsError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        return _faults(tomllib.loads(text.decode()), str(path))
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: {exc}") from None


def _faults(given: Mapping[str, Any], where: str) -> Faults:
    try:
        return msgspec.convert(given, Faults, strict=False)
    except msgspec.ValidationError as exc:
        raise SettingsError(f"{where}: {exc}; faults are: {', '.join(Faults.__struct_fields__)}") from None
