"""contains, starts_with, ends_with and mode="insensitive": every character stands for itself."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from auth_adapters.conformance.samples import THINGS, make_things, ranks
from auth_adapters.conformance.topic import Connect, Topic
from auth_adapters.errors import InvalidQueryError, InvalidValueError
from auth_adapters.query import field

__all__ = ["TestText", "TestTextModes"]

SEARCHES: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}
SPECIAL = [
    "%", "_", "\\", "\\\\", ".", "*", "?", "+", "^", "$", "[", "]", "[a]", "(", ")", "(?i)", "{", "}", "|", "-", "!",
    "~", "'", "''", '"', "`", "/", "#", ";", "--", "/*", ":", ":a", "%s", "%(a)s", "?1", "$1", "@", "&", "<", ">", "=",
    "\\%", "\\_", "%%", "a%", "%a", "_a", "[^a]", "[!a]", "a.c", "\n", "\t", "\r\n", " ", "  ", "\\E", "\\Q", "\u2028",
]  # fmt: skip
TEXTS = [
    "abc", "ABC", "a%c", "a_c", "a\\c", "a.c", "a*c", "a[b]c", "^abc$", "a'c", 'a"c', "a\nc", "", " abc", "abc ", "éa",
]  # fmt: skip


def found(op: str, part: str, texts: list[str]) -> list[int]:
    """The ranks of the texts that Python finds."""
    return [rank for rank, text in enumerate(texts) if SEARCHES[op](text, part)]


@pytest.mark.asyncio
class TestText(Topic):
    """Searching text, in `string` and in `text` fields."""

    @pytest.mark.parametrize("name", ["label", "body"])
    @pytest.mark.parametrize("op", SEARCHES)
    async def test_every_character_stands_for_itself(self, connect: Connect, op: str, name: str) -> None:
        texts = [*TEXTS, *SPECIAL, *(f"x{part}y" for part in SPECIAL), "xy", "xaay", "xzy"]
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [*texts, None])
        for part in SPECIAL:
            assert await ranks(adapter, getattr(field(name), op)(part)) == found(op, part, texts), repr(part)

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_ordinary_text_is_found_where_python_finds_it(self, connect: Connect, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", [*TEXTS, None])
        for part in ("a", "b", "c", "ab", "bc", "abc", "C", "é", " ", "abcd"):
            assert await ranks(adapter, getattr(field("label"), op)(part)) == found(op, part, TEXTS), repr(part)

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_the_complement_matches_exactly_the_rest(self, connect: Connect, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", [*TEXTS, None])
        for part in ("a", "%", "_", "a.c", ""):
            inside = found(op, part, TEXTS)
            outside = [rank for rank in range(len(TEXTS) + 1) if rank not in inside]
            assert await ranks(adapter, ~getattr(field("label"), op)(part)) == outside, repr(part)

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_the_empty_text_is_found_in_every_text(self, connect: Connect, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "", " ", None])
        assert await ranks(adapter, getattr(field("label"), op)("")) == [0, 1, 2]

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_a_search_respects_case(self, connect: Connect, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["abc", "ABC", "Abc", "ÉÉ", "éé"])
        assert await ranks(adapter, getattr(field("label"), op)("abc")) == [0]
        assert await ranks(adapter, getattr(field("label"), op)("éé")) == [4]

    @pytest.mark.parametrize("op", SEARCHES)
    @pytest.mark.parametrize("length", [300, 5_000, 60_000])
    async def test_a_search_text_may_be_of_any_length(self, connect: Connect, op: str, length: int) -> None:
        adapter = await connect(schema=THINGS)
        part = ("%_\\.*" * length)[:length]
        await make_things(adapter, "body", [part, part + "x", "x" + part, part[1:], None])
        assert await ranks(adapter, getattr(field("body"), op)(part)) == found(op, part, [part, part + "x", "x" + part])

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_a_search_text_longer_than_the_field_finds_nothing(self, connect: Connect, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["x" * 255])
        assert await ranks(adapter, getattr(field("label"), op)("x" * 300)) == []

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_characters_beyond_the_basic_plane_are_found(self, connect: Connect, op: str) -> None:
        texts = ["😀", "a😀", "😀a", "a", "😁", "日本語", "مرحبا", "👩\u200d👧", "👧", "e\u0301", "é"]
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", texts)
        for part in ("😀", "👧", "本", "語", "مر", "\u0301", "é", "\u200d"):
            assert await ranks(adapter, getattr(field("label"), op)(part)) == found(op, part, texts), repr(part)

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_an_enum_is_searched_as_text(self, connect: Connect, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "color", ["red", "green", "blue", None])
        assert await ranks(adapter, getattr(field("color"), op)("re")) == found(op, "re", ["red", "green", "blue"])

    @pytest.mark.parametrize("name", ["number", "ratio", "flag", "moment", "blob", "id"])
    async def test_only_text_is_searched(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidQueryError, match=rf"thing\.{name}"):
            await adapter.find_many("thing", field(name).contains("1"))

    @pytest.mark.parametrize("value", [1, b"a", ["a"], {"a": 1}, True])
    async def test_only_a_string_is_searched_for(self, connect: Connect, value: Any) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidValueError, match=r"thing\.label"):
            await adapter.find_many("thing", field("label").contains(value))


@pytest.mark.asyncio
class TestTextModes(Topic):
    """mode="insensitive": A to Z are a to z, on every database."""

    @pytest.mark.parametrize("name", ["label", "body"])
    async def test_equality_folds_ascii_letters(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, ["abc", "ABC", "aBc", "abd", "abc ", None])
        assert await ranks(adapter, field(name).eq("AbC", mode="insensitive")) == [0, 1, 2]
        assert await ranks(adapter, field(name).ne("AbC", mode="insensitive")) == [3, 4, 5]

    @pytest.mark.parametrize("name", ["label", "body"])
    async def test_membership_folds_ascii_letters(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, ["abc", "ABC", "x", "X", "y", None])
        assert await ranks(adapter, field(name).in_(["Abc", "x"], mode="insensitive")) == [0, 1, 2, 3]
        assert await ranks(adapter, field(name).not_in(["Abc", "x"], mode="insensitive")) == [4, 5]
        assert await ranks(adapter, field(name).in_(["Abc", None], mode="insensitive")) == [0, 1, 5]
        assert await ranks(adapter, field(name).in_([], mode="insensitive")) == []

    @pytest.mark.parametrize("name", ["label", "body"])
    @pytest.mark.parametrize("op", SEARCHES)
    async def test_searches_fold_ascii_letters(self, connect: Connect, op: str, name: str) -> None:
        texts = ["abcab", "ABCAB", "xabx", "XaBx", "b", None]
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, texts)
        lowered = [text.lower() for text in texts if text is not None]
        inside = found(op, "ab", lowered)
        assert await ranks(adapter, getattr(field(name), op)("aB", mode="insensitive")) == inside
        outside = [rank for rank in range(6) if rank not in inside]
        assert await ranks(adapter, ~getattr(field(name), op)("aB", mode="insensitive")) == outside

    @pytest.mark.parametrize("op", SEARCHES)
    async def test_every_character_stands_for_itself_in_either_mode(self, connect: Connect, op: str) -> None:
        texts = [*SPECIAL, *(f"x{part}y" for part in SPECIAL), "xy", "xaay", "xzy", "[", "{", "@", "`"]
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", texts)
        lowered = [text.lower() for text in texts]
        for part in SPECIAL:
            expected = found(op, part.lower(), lowered)
            assert await ranks(adapter, getattr(field("label"), op)(part, mode="insensitive")) == expected, repr(part)

    async def test_every_letter_of_ascii_is_folded_and_nothing_else(self, connect: Connect) -> None:
        texts = [chr(code) for code in range(1, 128)]
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", texts)
        for text in texts:
            expected = [rank for rank, one in enumerate(texts) if one.lower() == text.lower()]
            assert await ranks(adapter, field("label").eq(text, mode="insensitive")) == expected, repr(text)

    async def test_text_beyond_ascii_still_finds_itself(self, connect: Connect) -> None:
        texts = ["É", "日本", "😀", "ς", "İ", "ß", "Ⅷ"]
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", texts)
        for rank, text in enumerate(texts):
            assert rank in await ranks(adapter, field("label").eq(text, mode="insensitive")), text
            assert rank in await ranks(adapter, field("label").contains(text, mode="insensitive")), text

    async def test_the_two_modes_of_one_question_do_not_mix_up(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "A"])
        for _ in range(2):
            assert await ranks(adapter, field("label").eq("a")) == [0]
            assert await ranks(adapter, field("label").eq("a", mode="insensitive")) == [0, 1]
            assert await ranks(adapter, field("label").in_(["a"])) == [0]
            assert await ranks(adapter, field("label").in_(["a"], mode="insensitive")) == [0, 1]

    @pytest.mark.parametrize("name", ["number", "flag", "moment", "blob", "id"])
    async def test_only_text_has_an_insensitive_mode(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidQueryError, match=rf"thing\.{name}"):
            await adapter.find_many("thing", field(name).eq("1", mode="insensitive"))

    @pytest.mark.parametrize("op", ["eq", "ne", *SEARCHES])
    async def test_another_mode_is_refused(self, op: str) -> None:
        with pytest.raises(InvalidQueryError, match="mode"):
            getattr(field("label"), op)("a", mode="insensitve")
