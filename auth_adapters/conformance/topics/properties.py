"""Random questions over random records of every field type, against two independent answers."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, Final, NamedTuple

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import NOW, Topic
from auth_adapters.conformance.trees import (
    Bench,
    Kind,
    Tree,
    as_predicate,
    holds,
    in_order,
    key_of,
    random_leaf,
    random_tree,
)
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, Predicate
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Index, Model

__all__ = ["TestProperties"]

ASCII: Final = [
    "", "a", "A", "b", "ab", "aB", "AB", "ba", "a%", "%", "_", "a_", "\\", "a\\b", "*", ".", "a.", "a b", "a ", " a",
    "'", '"', "a\nb", "[a]", "^a", "a$", "?", "--", "null", "0", "00", "{}", "@", "[", "`", "{", "z", "Z",
]  # fmt: skip
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
OWNERS: Final = ["owner1", "owner2", "Owner1"]
STRANGERS: Final = ["nobody", "", "x" * 300]

INTEGERS: Final = [0, 1, -1, 2, 9, 10, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS: Final = [0.0, -0.0, 0.1, 1.5, -1.5, 1e308, -1e308, 2.0**53, 2.0**53 + 2, 0.1 + 0.2, 0.3, 1e-9]
BLOBS: Final = [b"", b"\0", b"a", b"A", b"ab", b"a\0b", b"\xff", b"\x80"]
KINDS: Final[dict[str, Kind]] = {
    "title": ("text", [one for family in FAMILIES for one in family]),
    "body": ("text", [one for family in FAMILIES for one in family]),
    "label": ("ascii", ASCII),
    "handle": ("folded", HANDLES),
    "order": ("ordered", INTEGERS),
    "ratio": ("ordered", FLOATS),
    "active": ("ordered", [True, False]),
    "at": ("ordered", MOMENTS),
    "color": ("ordered", ["red", "Red", "green"]),
    "blob": ("ordered", BLOBS),
    "owner_id": ("equal", OWNERS),
    "data": ("null", [{"a": [1, None, "x"]}]),
    "tags": ("null", [["a", "b"]]),
    "sizes": ("null", [[1, 2]]),
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
    """Records, and questions about few of their fields and values, so that many match; simple trees first."""

    rows: list[dict[str, Any]]
    trees: list[Tree]
    sort: tuple[str, ...]


def random_cases(number: int) -> Iterator[Case]:
    """The same ones every time."""
    dice = Random(20260304)
    for _ in range(number):
        names = dice.sample([*KINDS, *["title", "body", "label"] * 2], dice.choice([1, 2, 2, 3]))
        pools = {name: random_pool(dice, name) for name in dict.fromkeys(names)}
        rows = [random_row(dice, at, pools) for at in range(dice.randint(1, 12))]
        wide = {**pools, "owner_id": [*OWNERS, *STRANGERS]} if "owner_id" in pools else pools
        leaves = [random_leaf(dice, name, KINDS[name][0], wide[name]) for name in dice.choices(names, k=4)]
        trees = [*leaves, *(random_tree(dice, leaves[: 2 + extra]) for extra in range(3))]
        fields = dict.fromkeys([*dice.sample(list(pools), len(pools)), *dice.sample(SORTABLE, 2)])
        sort = [dice.choice(["", "-"]) + name for name in fields if name in SORTABLE]
        yield Case(rows, trees, tuple(sort[: dice.randint(1, 3)]))


def random_pool(dice: Random, name: str) -> Sequence[Any]:
    """A few values for one field."""
    kind, values = KINDS[name]
    if kind == "text":
        return [*dice.choice(FAMILIES), "".join(dice.choices("aAbB%_\\ ", k=3))]
    return dice.sample(values, min(len(values), 4))


def random_row(dice: Random, number: int, pools: dict[str, Sequence[Any]]) -> dict[str, Any]:
    """A record with a value, or none, in every field; in those that are asked about each of a pool in turn."""
    row: dict[str, Any] = {"key": f"k{number:02}"}
    for at, (name, (_, values)) in enumerate(KINDS.items()):
        pool = pools.get(name, ())
        turn = number * (1 + at % 3)
        row[name] = pool[turn % len(pool)] if pool and dice.random() < 0.7 else dice.choice([None, *values])
    return row


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
            got, reference = [await one.find_many("sample", predicate) for one in bench.both]
            assert sorted(key_of(got)) == expected, tree
            assert got == reference
            assert await bench.adapter.count("sample", predicate) == len(expected)

        with Bench(harness, SAMPLES) as bench:
            for case in random_cases(250):
                for one in bench.both:
                    bench.run(fill(one, case.rows))
                for tree in case.trees:
                    bench.run(check(case.rows, tree))

    def test_the_negation_of_a_predicate_is_its_exact_complement(self, harness: Harness) -> None:
        async def keys(predicate: Predicate) -> set[str]:
            return set(key_of(await bench.adapter.find_many("sample", predicate, select=["key"])))

        async def check(rows: list[dict[str, Any]], tree: Tree) -> None:
            predicate = as_predicate(tree)
            found, others = await keys(predicate), await keys(~predicate)
            assert found | others == set(key_of(rows)), tree
            assert not found & others, tree
            assert await keys(~~predicate) == found, tree

        with Bench(harness, SAMPLES) as bench:
            for case in random_cases(100):
                bench.run(fill(bench.adapter, case.rows))
                for tree in case.trees:
                    bench.run(check(case.rows, tree))

    def test_a_predicate_means_the_same_to_verbs_that_write(self, harness: Harness) -> None:
        async def check(rows: list[dict[str, Any]], tree: Tree) -> None:
            predicate, adapter = as_predicate(tree), bench.adapter
            expected = {row["key"] for row in rows if holds(tree, row, FOLDED)}
            assert await adapter.update_many("sample", predicate, {"marked": True}) == len(expected), tree
            assert set(key_of(await adapter.find_many("sample", {"marked": True}))) == expected, tree
            consumed = await adapter.consume_one("sample", predicate)
            assert (consumed["key"] in expected) if consumed else not expected, tree
            assert await adapter.delete("sample", predicate) == (len(expected) > 1), tree
            assert await adapter.delete_many("sample", predicate) == max(0, len(expected) - 2), tree
            assert set(key_of(rows)) - set(key_of(await adapter.find_many("sample"))) == expected, tree

        with Bench(harness, SAMPLES) as bench:
            for case in random_cases(100):
                for tree in case.trees[::3]:
                    bench.run(fill(bench.adapter, case.rows))
                    bench.run(check(case.rows, tree))

    def test_pages_of_any_size_in_any_order_make_up_the_whole(self, harness: Harness) -> None:
        async def check(rows: list[dict[str, Any]], tree: Tree, sort: tuple[str, ...], size: int) -> None:
            predicate, adapter = as_predicate(tree), bench.adapter
            expected = key_of(in_order([row for row in rows if holds(tree, row, FOLDED)], sort, "key"))
            whole = await adapter.find_many("sample", predicate, sort=sort)
            assert key_of(whole) == expected, sort
            assert await paged(adapter, tree, sort, size) == whole, sort
            for offset in range(0, len(rows) + 1, size):
                page = await adapter.find_many("sample", predicate, sort=sort, limit=size, offset=offset)
                assert page == whole[offset : offset + size], sort
            assert [one async for one in adapter.iterate("sample", predicate, sort=sort, batch=size)] == whole, sort
            assert await adapter.find_one("sample", predicate, sort=sort or ["key"]) == (whole[0] if whole else None)

        with Bench(harness, SAMPLES) as bench:
            for number, case in enumerate(random_cases(120)):
                bench.run(fill(bench.adapter, case.rows))
                everything = ("in_", "key", tuple(key_of(case.rows)))
                for tree, sort in ((everything, case.sort[:1]), (everything, case.sort), (case.trees[-1], case.sort)):
                    bench.run(check(case.rows, tree, sort, 1 + number % 5))
