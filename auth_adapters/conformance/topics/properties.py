"""Random questions over random records of every field type, against two independent answers."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import NOW, Topic
from auth_adapters.conformance.trees import QUIET, Bench, Kind, Tree, as_predicate, holds, in_order, key_of, trees_over
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Index, Model

__all__ = ["TestProperties"]

ASCII: Final = [
    "", "a", "A", "b", "ab", "aB", "AB", "ba", "a%", "%", "_", "a_", "\\", "a\\b", "*", ".", "a.", "a b", "a ", " a", "'",
    '"', "a\nb", "[a]", "^a", "a$", "?", "--", "null", "0", "00", "{}", "@", "[", "`", "{", "z", "Z",
]  # fmt: skip
TEXTS: Final = [*ASCII, "\u00e9", "e\u0301", "\u00c9", "\u00df", "ss", "\uffee", "\U0001f600", "\u212a", "\u0131"]
HANDLES: Final = [
    "ada", "Ada", "ADA", "ada ", "\u0130", "i\u0307", "\u00df", "\u1e9e", "SS", "\u00e9", "\u00c9", "\u03a3", "\u03c3",
    "\u03c2", "A\u03a3", "", "%", "\u212a", "k",
]  # fmt: skip
MOMENTS: Final = [
    NOW,
    NOW + timedelta(milliseconds=1),
    NOW + timedelta(microseconds=999),
    NOW.astimezone(timezone(timedelta(hours=5, minutes=45))),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
]
FAMILIES: Final = [
    ["a", "a ", " a", "a\n", ""],
    ["a", "A", "ab", "aB"],
    ["%", "a%", "ab", "_", "\\"],
    ["*", ".", "a.", "a*", "ab"],
    ["z", "\uffee", "\U0001f600"],
    ["e", "\u00e9", "e\u0301", "\u00c9"],
    ["ss", "\u00df", "SS", "\u1e9e"],
]
"""Texts that some database takes for one another, or puts in another order."""
OWNERS: Final = ("owner1", "owner2", "Owner1")

short = st.text(alphabet="aAbB%_\\ ", max_size=5)
ascii_text = st.sampled_from(ASCII) | short
text = st.sampled_from(TEXTS) | short
integers = st.sampled_from([0, 1, -1, 2, 9, 10, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]) | st.integers(-5, 5)
floats = st.sampled_from([0.0, -0.0, 0.1, 1.5, -1.5, 1e308, -1e308, 2.0**53, 0.1 + 0.2]) | st.floats(
    allow_nan=False, allow_infinity=False, allow_subnormal=False
)
blobs = st.sampled_from([b"", b"\0", b"a", b"A", b"ab", b"a\0b", b"\xff", b"\x80"]) | st.binary(max_size=3)

KINDS: Final[dict[str, Kind]] = {
    "title": ("text", text),
    "body": ("text", text),
    "label": ("ascii", ascii_text),
    "handle": ("folded", st.sampled_from(HANDLES)),
    "order": ("ordered", integers),
    "ratio": ("ordered", floats),
    "active": ("ordered", st.booleans()),
    "at": ("ordered", st.sampled_from(MOMENTS)),
    "color": ("ordered", st.sampled_from(["red", "Red", "green"])),
    "blob": ("ordered", blobs),
    "owner_id": ("equal", st.sampled_from([*OWNERS, "nobody", "", "x" * 300])),
    "data": ("null", st.just({"a": [1, None, "x"]})),
    "tags": ("null", st.just(["a", "b"])),
    "sizes": ("null", st.just([1, 2])),
}
FOLDED: Final = frozenset({"handle"})
SORTABLE: Final = [name for name, (kind, _) in KINDS.items() if kind not in ("null", "equal") and name != "body"]


def optional(kind: Any, **options: Any) -> Field:
    """A field that may be empty."""
    return Field(kind, required=False, **options)


SAMPLES: Final = Schema(
    {
        "owner": Model(fields={}),
        "sample": Model(
            fields={
                "key": Field("string"),
                "title": optional("string", index=True),
                "body": optional("text"),
                "label": optional("string"),
                "handle": optional("string", case_insensitive=True, index=True),
                "order": optional("integer", index=True),
                "ratio": optional("float"),
                "active": optional("boolean"),
                "at": optional("datetime", index=True),
                "color": optional("enum", values=("red", "Red", "green")),
                "blob": optional("bytes"),
                "owner_id": optional("id", references=Reference(model="owner")),
                "data": optional("json"),
                "tags": optional("string[]"),
                "sizes": optional("integer[]"),
                "marked": Field("boolean", default=False),
            },
            primary_key=("key",),
            indexes=[Index("active", "order")],
        ),
    }
)


class Case(NamedTuple):
    """Records, and questions about few fields and few values, so that many records match."""

    rows: list[dict[str, Any]]
    trees: list[Tree]
    sort: tuple[str, ...]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random case."""
    names = draw(st.lists(st.sampled_from([*KINDS, *["title", "body", "label"] * 2]), min_size=1, max_size=3, unique=True))
    pools = {name: draw(pool_of(name)) for name in names}
    kinds = {name: (KINDS[name][0], st.sampled_from(pool)) for name, pool in pools.items()}
    pools["owner_id"] = list(OWNERS)
    held = {name: st.sampled_from(pools[name]) if name in pools else KINDS[name][1] for name in KINDS}
    record = st.fixed_dictionaries({name: st.none() | values | values for name, values in held.items()})
    rows = draw(st.lists(record, min_size=1, max_size=10))
    several = draw(st.lists(trees_over(kinds), min_size=1, max_size=4))
    sortable = [name for name in names if name in SORTABLE]
    sort = draw(st.permutations([*sortable, draw(st.sampled_from(SORTABLE))]).map(dict.fromkeys).map(list))
    directed = [draw(st.sampled_from([name, f"-{name}"])) for name in sort]
    return Case([{"key": f"k{number}", **row} for number, row in enumerate(rows)], several, tuple(directed))


def pool_of(name: str) -> st.SearchStrategy[list[Any]]:
    """A few values for one field."""
    kind, values = KINDS[name]
    if kind == "text":
        return st.builds(lambda family, one: [*family, one], st.sampled_from(FAMILIES), values)
    return st.lists(values, min_size=1, max_size=4)


async def fill(adapter: Adapter, rows: list[dict[str, Any]]) -> None:
    """These samples and no others."""
    await adapter.delete_many("sample", ALL)
    if not await adapter.count("owner"):
        for owner in OWNERS:
            await adapter.create("owner", {"id": owner}, force_id=True)
    if adapter.capabilities.atomic_batches:
        await adapter.create_many("sample", rows)
    else:
        for row in rows:
            await adapter.create("sample", row)


async def paged(adapter: Adapter, tree: Tree, sort: tuple[str, ...], size: int) -> list[dict[str, Any]]:
    """Every record that the tree asks for, a page at a time, each after the last record or after its values."""
    found: list[dict[str, Any]] = []
    after: Any = None
    while page := await adapter.find_many("sample", as_predicate(tree), sort=sort, limit=size, after=after):
        found += page
        names = [*(entry.removeprefix("-") for entry in sort), "key"]
        after = page[-1] if len(found) % 2 else [page[-1][name] for name in names]
    return found


class TestProperties(Topic):
    """What holds of every question."""

    def test_a_predicate_finds_what_it_means(self, harness: Harness) -> None:
        async def check(rows: list[dict[str, Any]], tree: Tree) -> None:
            predicate = as_predicate(tree)
            expected = [row["key"] for row in rows if holds(tree, row, FOLDED)]
            got, reference = [await one.find_many("sample", predicate, sort=["key"]) for one in bench.both]
            assert key_of(got) == expected
            assert got == reference
            assert await bench.adapter.count("sample", predicate) == len(expected)

        with Bench(harness, SAMPLES) as bench:

            @settings(QUIET, max_examples=150)
            @given(case=cases())
            def examples(case: Case) -> None:
                for one in bench.both:
                    bench.run(fill(one, case.rows))
                for tree in case.trees:
                    bench.run(check(case.rows, tree))

            examples()

    def test_the_negation_of_a_predicate_is_its_exact_complement(self, harness: Harness) -> None:
        async def check(rows: list[dict[str, Any]], tree: Tree) -> None:
            predicate = as_predicate(tree)
            found = set(key_of(await bench.adapter.find_many("sample", predicate, select=["key"])))
            others = set(key_of(await bench.adapter.find_many("sample", ~predicate, select=["key"])))
            twice = set(key_of(await bench.adapter.find_many("sample", ~~predicate, select=["key"])))
            assert found | others == set(key_of(rows))
            assert not found & others
            assert twice == found

        with Bench(harness, SAMPLES) as bench:

            @settings(QUIET, max_examples=100)
            @given(case=cases())
            def examples(case: Case) -> None:
                bench.run(fill(bench.adapter, case.rows))
                for tree in case.trees:
                    bench.run(check(case.rows, tree))

            examples()

    def test_a_predicate_means_the_same_to_verbs_that_write(self, harness: Harness) -> None:
        async def check(rows: list[dict[str, Any]], tree: Tree) -> None:
            predicate, adapter = as_predicate(tree), bench.adapter
            expected = {row["key"] for row in rows if holds(tree, row, FOLDED)}
            assert await adapter.update_many("sample", predicate, {"marked": True}) == len(expected)
            assert set(key_of(await adapter.find_many("sample", {"marked": True}))) == expected
            consumed = await adapter.consume_one("sample", predicate)
            assert (consumed is not None) == bool(expected)
            assert consumed is None or consumed["key"] in expected
            assert await adapter.delete("sample", predicate) == (len(expected) > 1)
            assert await adapter.delete_many("sample", predicate) == max(0, len(expected) - 2)
            assert {row["key"] for row in rows} - set(key_of(await adapter.find_many("sample"))) == expected

        with Bench(harness, SAMPLES) as bench:

            @settings(QUIET, max_examples=100)
            @given(case=cases())
            def examples(case: Case) -> None:
                for tree in case.trees[:2]:
                    bench.run(fill(bench.adapter, case.rows))
                    bench.run(check(case.rows, tree))

            examples()

    def test_pages_of_any_size_in_any_order_make_up_the_whole(self, harness: Harness) -> None:
        async def check(rows: list[dict[str, Any]], tree: Tree, sort: tuple[str, ...], size: int) -> None:
            predicate, adapter = as_predicate(tree), bench.adapter
            expected = key_of(in_order([row for row in rows if holds(tree, row, FOLDED)], sort, "key"))
            whole = await adapter.find_many("sample", predicate, sort=sort)
            assert key_of(whole) == expected
            assert await paged(adapter, tree, sort, size) == whole
            for offset in range(0, len(rows) + 1, size):
                page = await adapter.find_many("sample", predicate, sort=sort, limit=size, offset=offset)
                assert page == whole[offset : offset + size]
            assert [one async for one in adapter.iterate("sample", predicate, sort=sort, batch=size)] == whole
            assert await adapter.find_one("sample", predicate, sort=sort or ["key"]) == (whole[0] if whole else None)

        with Bench(harness, SAMPLES) as bench:

            @settings(QUIET, max_examples=100)
            @given(case=cases(), size=st.integers(1, 6))
            def examples(case: Case, size: int) -> None:
                bench.run(fill(bench.adapter, case.rows))
                everything = ("in_", "key", tuple(key_of(case.rows)))
                for tree, sort in ((everything, case.sort), (case.trees[0], case.sort), (everything, ())):
                    bench.run(check(case.rows, tree, sort, size))

            examples()
