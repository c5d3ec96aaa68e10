"""Points made into SVG paths, in a box of 10000 by 1000 that the page stretches. Pure."""

from collections.abc import Sequence

from gateway.loadtest.page.axis import Axis

WIDTH, HEIGHT = 10_000, 1000
MAX_COLUMNS = 1000
"""Points closer than a thousandth of the width cannot be told apart."""

Points = Sequence[tuple[float, float]]
"""Where on the horizontal and on the vertical axis, in their order along the horizontal one."""


def line(points: Points, x: Axis, y: Axis) -> str:
    """Join points by straight lines."""
    return "M" + "L".join(_place(*each, x, y) for each in _told_apart(points, x)) if points else ""


def dots(points: Points, x: Axis, y: Axis) -> str:
    """Draw each point by itself: a line of no length, with a round end."""
    return "".join(f"M{_place(*each, x, y)}h0" for each in points)


def steps(points: Points, x: Axis, y: Axis) -> str:
    """Draw an area below values that stay until the next, down to the lower end of the vertical axis."""
    kept = _told_apart(points, x)
    if not kept:
        return ""
    path = [f"M{_across(kept[0][0], x)} {HEIGHT}"]
    path += [f"H{_across(at, x)}V{_down(value, y)}" for at, value in kept]
    return "".join([*path, f"V{HEIGHT}Z"])


def _told_apart(points: Points, x: Axis) -> list[tuple[float, float]]:
    """Of the points of one column keep the first, the lowest, the highest and the last."""
    if len(points) <= MAX_COLUMNS:
        return list(points)
    columns: dict[int, list[tuple[float, float]]] = {}
    for each in points:
        columns.setdefault(int(x.percent(each[0]) * MAX_COLUMNS / 100), []).append(each)
    kept = []
    for column in columns.values():
        chosen = {column[0], column[-1], min(column, key=_value), max(column, key=_value)}
        kept += [each for each in column if each in chosen]
    return kept


def _value(point: tuple[float, float]) -> float:
    return point[1]


def _place(at: float, value: float, x: Axis, y: Axis) -> str:
    return f"{_across(at, x)} {_down(value, y)}"


def _across(at: float, x: Axis) -> int:
    return round(x.percent(at) * WIDTH / 100)


def _down(value: float, y: Axis) -> int:
    return round(HEIGHT - y.percent(value) * HEIGHT / 100)
