import json
from typing import Any

import pytest

from gateway.local_realtime.personas.schema_values import fill, fits
from gateway.local_realtime.tools import OfferedTool


def filled(schema: Any, value: Any = None, **parameters: Any) -> Any:
    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"], **parameters}
    call = fill(OfferedTool("t", "", parameters), lambda _name, _schema: value)
    return json.loads(call.arguments)["x"]


@pytest.mark.parametrize(
    ("schema", "plainest"),
    [
        ({"type": "string"}, "unspecified"),
        ({}, "unspecified"),
        (None, "unspecified"),
        ({"type": "string", "minLength": 13}, "unspecified.."),
        ({"type": "string", "maxLength": 5}, "unspe"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "number", "exclusiveMaximum": 0}, -1),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 0),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"type": "array"}, []),
        ({"type": "object"}, {}),
        ({"properties": {"y": {"const": 7}}, "required": ["y"]}, {"y": 7}),
        ({"const": "a"}, "a"),
        ({"enum": ["b", "c"]}, "b"),
        ({"enum": ["b", "c"], "default": "c"}, "c"),
        ({"type": "string", "examples": ["d"]}, "d"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
        ({"$ref": "#/$defs/Colour"}, "red"),
        ({"$ref": "#/$defs/Nowhere"}, "unspecified"),
        ({"type": "array", "items": {"$ref": "#/$defs/Colour"}, "minItems": 1}, ["red"]),
    ],
)
def test_without_a_value_the_plainest_that_fits_is_taken(schema: Any, plainest: Any) -> None:
    assert filled(schema, **{"$defs": {"Colour": {"enum": ["red"]}}}) == plainest


@pytest.mark.parametrize(
    ("schema", "value", "written"),
    [
        ({"type": "string"}, "0471", "0471"),
        ({"type": "integer"}, "4712", 4712),
        ({"type": ["null", "integer"]}, "4712", 4712),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "4712", 4712),
        ({"enum": ["DHL", "UPS"]}, "ups", "UPS"),
        ({"enum": ["DHL", "UPS"]}, "FedEx", "DHL"),
        ({"const": "a"}, "b", "a"),
        ({"type": "integer"}, "four", 0),
        ({"type": "integer", "maximum": 99}, "4712", 0),
        ({"type": "integer", "minimum": 5000}, "4712", 5000),
        ({"type": "string", "maxLength": 2}, "4712", "un"),
    ],
)
def test_a_value_is_written_as_the_schema_wants_it(schema: Any, value: Any, written: Any) -> None:
    assert filled(schema, value) == written


def test_an_argument_that_may_be_left_out_is_left_out_without_a_value() -> None:
    parameters = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    call = fill(OfferedTool("t", "", parameters), lambda name, _: "x" if name == "b" else None)
    assert json.loads(call.arguments) == {"b": "x"}


def test_schemas_that_refer_to_themselves_come_to_an_end() -> None:
    parameters = {"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]}
    assert filled({"$ref": "#/properties/x"}) == "unspecified"
    call = fill(OfferedTool("t", "", parameters), lambda _name, _schema: None)
    assert json.loads(call.arguments).keys() == {"x"}


def test_fits_says_whether_a_value_can_be_written() -> None:
    assert fits("4712", {"type": "integer"})
    assert not fits("four", {"type": "integer"})
