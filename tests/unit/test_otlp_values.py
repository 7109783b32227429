"""Each kind of attribute value, decoded with protobuf's own library."""

import enum
import math
from collections.abc import Iterator, Mapping

import pytest
from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AnyValue

from observability.fixed import Extended, FixedAttributes
from observability.otlp.values import attributes
from tests.unit.otlp_samples import assert_as_stock, decoded_span, decoded_value, span

LONE = "a\ud800b"
MENDED = "a\ufffdb"


class Colour(enum.StrEnum):
    """A string that is none by type."""

    RED = "red"


class Level(enum.IntEnum):
    """An integer that is none by type."""

    HIGH = 3


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ("", "string_value", ""),
        ("naïve 😀", "string_value", "naïve 😀"),
        ("\0", "string_value", "\0"),
        (False, "bool_value", False),
        (True, "bool_value", True),
        (0, "int_value", 0),
        (1, "int_value", 1),
        (127, "int_value", 127),
        (128, "int_value", 128),
        (-1, "int_value", -1),
        (2**63 - 1, "int_value", 2**63 - 1),
        (-(2**63), "int_value", -(2**63)),
        (0.0, "double_value", 0.0),
        (-2.5, "double_value", -2.5),
        (math.inf, "double_value", math.inf),
        (-math.inf, "double_value", -math.inf),
        (b"", "bytes_value", b""),
        (b"\xff\0", "bytes_value", b"\xff\0"),
        (Colour.RED, "string_value", "red"),
        (Level.HIGH, "int_value", 3),
    ],
)
def test_scalars_keep_type_and_value(value: AnyValue, field: str, expected: object) -> None:
    """A scalar sets the one field of the union that is for its type, also when it is zero or empty."""
    found = decoded_value(value)
    assert found.WhichOneof("value") == field
    assert getattr(found, field) == expected
    assert_as_stock(span(attributes={"key": value}))


def test_lengths_about_a_byte_are_right_on_every_level() -> None:
    """From 128 on, a length takes two bytes: the value's first, then those of what it stands in."""
    assert_as_stock(*(span(attributes={"key": "x" * length}) for length in range(110, 135)))


def test_nan_and_negative_zero_keep_their_bits() -> None:
    """Floats go over as their bits."""
    assert math.isnan(decoded_value(math.nan).double_value)
    assert math.copysign(1, decoded_value(-0.0).double_value) == -1


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**4000])
def test_integers_beyond_64_bits_become_decimal_strings(value: int) -> None:
    """So says the specification's type mapping; the SDK's own encoder drops the attribute."""
    assert decoded_value(value).string_value == str(value)


def test_integers_too_long_for_decimal_become_hexadecimal() -> None:
    """Python refuses to render thousands of decimal digits, and that must not cost the span."""
    assert decoded_value(2**20_000).string_value == hex(2**20_000)


@pytest.mark.parametrize(
    "value",
    [
        None,
        (),
        [],
        {},
        ("a", "b"),
        (1, -1, 2**63 - 1),
        (True, False),
        (0.5, math.nan),
        (None, "a", None),
        ("a", 1, True, 0.5, b"b", None),
        ((1, (2, ())), {"a": [{"b": {}}]}),
        {"string": "s", "int": -7, "none": None, "list": [1, "x"], "map": {"deep": {"deeper": b"x"}}},
        bytearray(b"abc"),
        range(3),
    ],
)
def test_none_sequences_and_maps_are_as_from_the_stock_encoder(value: AnyValue) -> None:
    """None is an empty value, sequences may mix types, maps nest; bytearrays are sequences of numbers."""
    assert_as_stock(span(attributes={"before": 1, "key": value, "after": 2}))


def test_mapping_that_cannot_be_copied_is_read_as_it_is() -> None:
    """Attributes need not be a dict or the SDK's container."""

    class Fixed(Mapping[str, AnyValue]):
        def __getitem__(self, key: str) -> AnyValue:
            return {"a": 1}[key]

        def __iter__(self) -> Iterator[str]:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    found = decoded_span(span(events=[Event("fixed", Fixed(), 1)]))
    assert found.events[0].attributes[0].value.int_value == 1


def test_what_no_field_is_for_becomes_a_string() -> None:
    """So says the specification's type mapping; here past the SDK's container, which does it too."""
    assert decoded_value(complex(1, 2)).string_value == "(1+2j)"  # type: ignore[arg-type]  # that is the point


def test_lone_surrogates_cost_a_character_and_not_the_batch() -> None:
    """The stock encoder raises for a name, which loses the whole batch; here it is mended everywhere."""
    one = span(
        name=LONE,
        attributes={LONE: LONE, "list": [LONE], "map": {LONE: LONE}},
        events=[Event(LONE, {"a": LONE}, 1)],
        status=Status(StatusCode.ERROR, LONE),
    )
    found = decoded_span(one)
    assert (found.name, found.events[0].name, found.status.message) == (MENDED, MENDED, MENDED)
    assert found.events[0].attributes[0].value.string_value == MENDED
    attributes = {attribute.key: attribute.value for attribute in found.attributes}
    assert attributes[MENDED].string_value == MENDED
    assert attributes["list"].array_value.values[0].string_value == MENDED
    assert attributes["map"].kvlist_value.values[0].key == MENDED


def test_surrogate_pairs_become_the_character_that_they_stand_for() -> None:
    """Text from a decoder that leaves pairs apart is mended without loss."""
    assert decoded_value("\ud83d\ude00").string_value == "😀"


def test_attributes_that_many_spans_share_are_as_each_ones_own() -> None:
    """They are encoded once for each field that they are written in."""
    own: Mapping[str, AnyValue] = {"db.system.name": "redis", "server.port": 6379, "x": "y" * 200}
    fixed = FixedAttributes({"db.system.name": "redis", "server.port": 6379, "x": "y" * 200})
    for tag in (b"\x4a", b"\x1a", b"\x4a"):
        assert attributes(tag, fixed) == attributes(tag, own)
    listed: list[str] = []
    changing = FixedAttributes({"list": listed})
    before = attributes(b"\x4a", changing)
    listed.append("more")
    assert attributes(b"\x4a", changing) != before


def test_extended_attributes_are_encoded_as_the_dict_that_they_stand_for() -> None:
    """The shared parts first."""
    extended = Extended({"correlation_id": "x" * 32}, FixedAttributes({"db.system.name": "redis"}))
    extended.add(FixedAttributes({"server.port": 6379}))
    own: Mapping[str, AnyValue] = {"db.system.name": "redis", "server.port": 6379, "correlation_id": "x" * 32}
    assert attributes(b"\x4a", extended) == attributes(b"\x4a", own)
