"""Values of every type: what goes in comes out, and finds its record."""

import enum
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest

from auth_adapters.conformance.samples import THINGS, make_things, ranks
from auth_adapters.conformance.topic import Connect, Topic
from auth_adapters.errors import InvalidValueError
from auth_adapters.protocols import Adapter
from auth_adapters.query import field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Model

__all__ = ["TestJson", "TestNumbers", "TestTexts", "TestValues"]

MEGABYTE = 1_048_576

TEXTS = [
    "", " ", "  ", "a ", " a", "a\t", "\n", "\r\n", "\r", "\x01", "\x1f", "\x7f", "\x80", "\ufeffa", "\u2028", "\uffff",
    "\U0010ffff", "Grüße", "ñandú", "e\u0301", "\u00e9", "\ufb01", "\u03a9", "\u2126", "\u00c5", "\u212b", "I",
    "\u0130", "\u0131", "ß", "\u1e9e", "日本語", "한국어", "ภาษาไทย", "مرحبا", "שלום", "\u202eabc\u202c",
    "हिन्दी", "😀", "🇪🇺", "👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "\U0001d4b3", "a\u0300\u0301\u0302",
    "null", "NULL", "None", "true", "0", "00", "1e5", "nan", "[]", "{}", '{"a":1}', '"quoted"', "it's", "\\", "\\n",
    "\\u0000", "%s", "$1", "?", ":a", "${a}", "{{a}}", "<b>", "--", ";", "`a`", "$ne", "a.b",
    "2026-01-31T12:00:00.000Z",
]  # fmt: skip
ALIKE = [
    "\u00e9", "e\u0301", "E", "e", "ß", "ss", "\ufb01", "fi", "\u00c5", "\u212b", "\u0130", "I", "a", "\uff41", "1",
    "\uff11", "²", "2", "\u0430", "a\u200d", "a\u00ad", "a\ufeff",
]  # fmt: skip
INTEGERS = [0, 1, -1, 2**31 - 1, 2**31, -(2**31), 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.1, 0.1 + 0.2, 1 / 3, 1e16, 1e22, 123456789.123456789, 2.0**53 + 2, -1e-7,
    5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, math.pi,
]  # fmt: skip
ROUND_TRIPS: Mapping[str, Sequence[Any]] = {
    "label": [text for text in TEXTS if len(text) <= 255],
    "body": [*TEXTS, "x" * 8_192, "😀" * 20_000],
    "number": INTEGERS,
    "ratio": FLOATS,
    "flag": [True, False],
    "blob": [b"", b"\x00", bytes(range(256)), b"\xff" * 3, b"text", b" ", bytes(range(256)) * 400],
    "color": ["red", "green", "blue"],
    "words": [[], [""], [" ", "a "], ["a", "b", "a"], ["é😀", '"', "\\", ",", "{}", "NULL"], ["x" * 1_000] * 20],
    "numbers": [[], [0], [1, -1, 1], [2**63 - 1, -(2**63), 2**53 + 1], list(range(1_000))],
}


class Color(enum.StrEnum):
    """A string that is more than a string."""

    RED = "red"


class Level(enum.IntEnum):
    """An integer that is more than an integer."""

    HIGH = 7


async def stored(adapter: Adapter, name: str, value: Any) -> Any:
    """Store a value and read back what has become of it."""
    thing = await adapter.create("thing", {"rank": 0, name: value})
    found = await adapter.find_one("thing", {"id": thing["id"]})
    assert found == thing
    return found[name]


@pytest.mark.asyncio
class TestValues(Topic):
    """Round trips of every type."""

    @pytest.mark.parametrize("name", ROUND_TRIPS)
    async def test_what_create_stores_comes_back_the_same(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        made = await make_things(adapter, name, ROUND_TRIPS[name])
        found = await adapter.find_many("thing", sort=["rank"])
        assert found == made
        for one, value in zip(found, ROUND_TRIPS[name], strict=True):
            assert one[name] == value
            assert type(one[name]) is type(value)

    @pytest.mark.parametrize("name", ROUND_TRIPS)
    async def test_what_update_stores_comes_back_the_same(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [None])
        for value in ROUND_TRIPS[name]:
            updated = await adapter.update("thing", {"rank": 0}, {name: value})
            assert updated is not None
            assert updated[name] == value
            assert await adapter.find_one("thing", {"rank": 0}) == updated

    @pytest.mark.parametrize("name", [name for name in ROUND_TRIPS if name not in ("words", "numbers")])
    async def test_every_value_finds_its_record(self, connect: Connect, name: str) -> None:
        values = list(dict.fromkeys(ROUND_TRIPS[name]))
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, values)
        for rank, value in enumerate(values):
            assert await ranks(adapter, {name: value}) == [rank], repr(value)[:80]
            assert await ranks(adapter, field(name).in_([value])) == [rank], repr(value)[:80]
        assert await ranks(adapter, field(name).in_(values)) == list(range(len(values)))

    @pytest.mark.parametrize("name", [*ROUND_TRIPS, "moment", "data"])
    async def test_none_comes_back_as_none(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        assert await stored(adapter, name, None) is None

    @pytest.mark.parametrize("name", ROUND_TRIPS)
    async def test_a_value_may_be_emptied(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [ROUND_TRIPS[name][-1]])
        updated = await adapter.update("thing", {"rank": 0}, {name: None})
        assert updated is not None
        assert updated[name] is None
        assert await ranks(adapter, {name: None}) == [0]

    @pytest.mark.parametrize(
        ("name", "empty"), [("label", ""), ("body", ""), ("blob", b""), ("words", []), ("numbers", []), ("data", {})]
    )
    async def test_what_is_empty_is_not_none(self, connect: Connect, name: str, empty: Any) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [empty, None])
        assert await ranks(adapter, {name: None}) == [1]
        assert await ranks(adapter, field(name).ne(None)) == [0]

    async def test_a_flag_is_a_bool_and_not_a_number(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        for flag in (True, False):
            assert await stored(adapter, "flag", flag) is flag

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    async def test_any_bytes_come_back_as_bytes(self, connect: Connect, kind: Any) -> None:
        adapter = await connect(schema=THINGS)
        value = await stored(adapter, "blob", kind(bytes(range(256))))
        assert value == bytes(range(256))
        assert type(value) is bytes
        assert await ranks(adapter, {"blob": kind(bytes(range(256)))}) == [0]

    async def test_subclasses_come_back_as_the_plain_type(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        for name, value, plain in (
            ("label", Color.RED, "red"),
            ("body", Color.RED, "red"),
            ("color", Color.RED, "red"),
            ("number", Level.HIGH, 7),
            ("data", {"a": [Level.HIGH, Color.RED]}, {"a": [7, "red"]}),
            ("words", (Color.RED,), ["red"]),
            ("numbers", (Level.HIGH,), [7]),
        ):
            back = await stored(adapter, name, value)
            assert back == plain, name
            assert type(back) is type(plain), name
            assert repr(back) == repr(plain), name

    async def test_subclasses_find_what_the_plain_value_finds(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await adapter.create("thing", {"rank": 0, "label": "red", "number": 7, "color": "red"})
        for where in ({"label": Color.RED}, {"number": Level.HIGH}, {"color": Color.RED}):
            assert await ranks(adapter, where) == [0], where
        assert await ranks(adapter, field("label").in_([Color.RED])) == [0]

    async def test_an_enum_takes_its_members_only(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        for wrong in ("", "Red", "red ", "purple"):
            with pytest.raises(InvalidValueError, match=r"thing\.color"):
                await adapter.create("thing", {"rank": 0, "color": wrong})
        assert await adapter.count("thing") == 0

    async def test_a_list_that_is_returned_is_not_the_one_that_was_given(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        words, data = ["a"], {"k": ["v"]}
        made = await adapter.create("thing", {"rank": 0, "words": words, "data": data})
        words.append("b")
        data["k"].append("w")
        made["words"].append("c")
        made["data"]["k"].append("x")
        for _ in range(2):
            found = await adapter.find_one("thing", {"rank": 0})
            assert found is not None
            assert (found["words"], found["data"]) == (["a"], {"k": ["v"]})
            found["words"].append("d")
            found["data"]["k"].append("y")


@pytest.mark.asyncio
class TestTexts(Topic):
    """Text: how long it may be, and what it may not hold."""

    @pytest.mark.parametrize("letter", ["x", "é", "😀"])
    async def test_a_string_has_255_characters_of_any_kind(self, connect: Connect, letter: str) -> None:
        adapter = await connect(schema=THINGS)
        assert await stored(adapter, "label", letter * 255) == letter * 255
        with pytest.raises(InvalidValueError, match=r"thing\.label"):
            await adapter.create("thing", {"rank": 1, "label": letter * 256})
        with pytest.raises(InvalidValueError, match=r"thing\.label"):
            await adapter.update("thing", {"rank": 0}, {"label": letter * 256})
        assert await ranks(adapter, {"label": letter * 255}) == [0]

    @pytest.mark.parametrize("length", [1, 3, 320, 1_400])
    async def test_a_declared_length_is_the_limit(self, connect: Connect, length: int) -> None:
        model = Model(fields={"name": Field("string", length=length, unique=True)})
        adapter = await connect(schema=Schema({"note": model}))
        assert (await adapter.create("note", {"name": "é" * length}))["name"] == "é" * length
        assert await adapter.count("note", {"name": "é" * length}) == 1
        with pytest.raises(InvalidValueError, match=r"note\.name"):
            await adapter.create("note", {"name": "é" * (length + 1)})

    @pytest.mark.parametrize("letter", ["x", "é", "日", "😀"])
    async def test_a_text_has_up_to_a_megabyte(self, connect: Connect, letter: str) -> None:
        adapter = await connect(schema=THINGS)
        size = len(letter.encode())
        whole = letter * (MEGABYTE // size) + "x" * (MEGABYTE % size)
        assert await stored(adapter, "body", whole) == whole
        with pytest.raises(InvalidValueError, match=r"thing\.body"):
            await adapter.create("thing", {"rank": 1, "body": whole + "x"})
        assert await adapter.count("thing") == 1

    async def test_a_long_text_is_found_to_its_last_character(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        long = "x" * (MEGABYTE - 1)
        await make_things(adapter, "body", [long + "a", long + "b", long])
        assert await ranks(adapter, {"body": long + "b"}) == [1]
        assert await ranks(adapter, field("body").in_([long, long + "a"])) == [0, 2]

    async def test_tokens_of_eight_kilobytes_fit_into_an_account(self, adapter: Adapter) -> None:
        token = "eyJ" + "aZ0-_." * 1_400
        user = await adapter.create("user", {"email": "ada@example.com", "image": "https://example.com/" + "p" * 3_000})
        data = {"user_id": user["id"], "account_id": "1", "provider_id": "p", "scope": "scope " * 500}
        data |= {"access_token": token, "refresh_token": token, "id_token": token}
        account = await adapter.create("account", data)
        assert await adapter.find_one("account", {"id": account["id"]}) == account
        assert account["id_token"] == token

    async def test_texts_that_look_alike_are_different(self, connect: Connect) -> None:
        model = Model(fields={"rank": Field("integer"), "name": Field("string", unique=True)})
        adapter = await connect(schema=Schema({"thing": model}))
        for rank, text in enumerate(ALIKE):
            await adapter.create("thing", {"rank": rank, "name": text})
        for rank, text in enumerate(ALIKE):
            assert await ranks(adapter, {"name": text}) == [rank], text


@pytest.mark.asyncio
class TestNumbers(Topic):
    """Numbers at the edges of what a field holds."""

    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30])
    async def test_an_integer_beyond_64_bits_is_refused(self, connect: Connect, value: int) -> None:
        adapter = await connect(schema=THINGS)
        for name, wrong in (("number", value), ("numbers", [value]), ("data", {"a": value})):
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.create("thing", {"rank": 0, name: wrong})
        with pytest.raises(InvalidValueError, match=r"thing\.number"):
            await adapter.find_many("thing", {"number": value})
        assert await adapter.count("thing") == 0

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
    async def test_a_float_that_is_not_finite_is_refused(self, connect: Connect, value: float) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidValueError, match=r"thing\.ratio"):
            await adapter.create("thing", {"rank": 0, "ratio": value})
        with pytest.raises(InvalidValueError, match=r"thing\.data"):
            await adapter.create("thing", {"rank": 0, "data": [value]})
        with pytest.raises(InvalidValueError, match=r"thing\.ratio"):
            await adapter.find_many("thing", field("ratio").lt(value))
        assert await adapter.count("thing") == 0

    async def test_an_integer_in_a_float_field_comes_back_as_a_float(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        value = await stored(adapter, "ratio", 3)
        assert value == 3.0
        assert type(value) is float

    async def test_minus_zero_and_zero_are_equal(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "ratio", [0.0, -0.0])
        for zero in (0.0, -0.0, 0):
            assert await ranks(adapter, {"ratio": zero}) == [0, 1]
            assert await ranks(adapter, field("ratio").lt(zero)) == []

    async def test_minus_zero_is_zero(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        thing = await adapter.create("thing", {"rank": 0, "ratio": -0.0, "data": [-0.0]})
        (found,) = await adapter.find_many("thing")
        for record in (thing, found):
            assert [math.copysign(1, number) for number in (record["ratio"], record["data"][0])] == [1, 1]

    async def test_neighbouring_numbers_are_told_apart(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", [2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1])
        assert await ranks(adapter, {"number": 2**53 + 1}) == [1]
        assert await ranks(adapter, field("number").gt(2**63 - 2)) == [3]
        ratio = 0.1 + 0.2
        await adapter.create("thing", {"rank": 9, "ratio": ratio})
        assert await ranks(adapter, {"ratio": math.nextafter(ratio, 1)}) == []
        assert await ranks(adapter, {"ratio": ratio}) == [9]


def nested(depth: int, *, as_object: bool) -> Any:
    """JSON with `depth` containers in each other."""
    value: Any = "bottom"
    for _ in range(depth):
        value = {"k": value} if as_object else [value]
    return value


@pytest.mark.asyncio
class TestJson(Topic):
    """JSON: every shape of it, to a depth of 30."""

    DOCUMENTS: tuple[Any, ...] = (
        {}, [], [[]], [{}], {"a": {}}, {"a": []}, "", "text", "null", "true", '"', '{"a": 1}', 0, 1, -1, 2**63 - 1,
        -(2**63), 0.5, 1e300, 5e-324, True, False, [None], {"a": None}, [1, "1", True, None, 1.5], {"": 1}, {" ": 1},
        {"a.b": 1}, {"$set": 1}, {"$ne": ""}, {"$where": "1"}, {"_id": 1}, {"__proto__": 1}, {"a": {"$oid": "0" * 24}},
        {"é😀": "é😀"}, {"k\n\t'\\/": "v\n\t'\\/"}, {"a": "\u2028\u2029\ufeff"}, {"0": 1, "1": 2}, ["x" * 10_000],
        list(range(2_000)), {f"key{n}": n for n in range(500)}, {"date": "2026-01-31T12:00:00Z"}, {"a" * 300: 1},
        [[1, [2, [3]]], {"a": [{"b": {"c": [0]}}]}], {"b": 1, "a": 2},
    )  # fmt: skip

    async def test_every_document_comes_back_the_same(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        for document in self.DOCUMENTS:
            back = await stored(adapter, "data", document)
            assert back == document
            assert isinstance(back, bool) == isinstance(document, bool)

    async def test_true_and_1_stay_different_inside_a_document(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        back = await stored(adapter, "data", [True, False, 1, 0])
        assert [isinstance(one, bool) for one in back] == [True, True, False, False]

    @pytest.mark.parametrize("as_object", [True, False])
    async def test_thirty_levels_are_allowed_and_one_more_is_not(self, connect: Connect, as_object: bool) -> None:
        adapter = await connect(schema=THINGS)
        document = nested(30, as_object=as_object)
        assert await stored(adapter, "data", document) == document
        for depth in (31, 500):
            with pytest.raises(InvalidValueError, match=r"thing\.data"):
                await adapter.create("thing", {"rank": 1, "data": nested(depth, as_object=as_object)})
        assert await adapter.count("thing") == 1

    @pytest.mark.parametrize(
        "wrong",
        [{1: "a"}, {None: 1}, {("a",): 1}, {"a": {True: 1}}, {"a", "b"}, b"a", object(), {"a": {1, 2}}, [b"a"], 1j],
        ids=repr,
    )
    async def test_what_json_does_not_have_is_refused(self, connect: Connect, wrong: Any) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidValueError, match=r"thing\.data"):
            await adapter.create("thing", {"rank": 0, "data": wrong})
        assert await adapter.count("thing") == 0

    async def test_a_document_that_holds_itself_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        circle: list[Any] = []
        circle.append(circle)
        with pytest.raises(InvalidValueError, match=r"thing\.data"):
            await adapter.create("thing", {"rank": 0, "data": circle})

    async def test_tuples_and_other_mappings_come_back_as_lists_and_dicts(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        back = await stored(adapter, "data", MappingProxyType({"a": (1, (2,))}))
        assert back == {"a": [1, [2]]}
        assert type(back) is dict
