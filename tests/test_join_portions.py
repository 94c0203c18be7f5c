"""Joins of very many parents: so many at a time, and nobody sees it in the records."""

from typing import Any

import pytest

from auth_adapters import BackendAdapter, portions
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.physical import Select
from auth_adapters.query import Join
from auth_adapters.schema import Field, Model, Reference, Schema

pytestmark = pytest.mark.asyncio

TREES = Schema({
    "tree": Model(fields={"name": Field("string", length=1_400, unique=True)}),
    "leaf": Model(fields={
        "rank": Field("integer"),
        "tree_name": Field("string", required=False, references=Reference(model="tree", field="name")),
    }),
})  # fmt: skip


class Counting(MemoryBackend):
    """Tells how many parents' keys each statement for leaves lists."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[int] = []

    async def select(self, statement: Select, values: Any) -> Any:
        if statement.table.model == "leaf":
            self.listed.append(len(values[0]))
        return await super().select(statement, values)


async def planted(names: list[str], leaves: int = 0) -> tuple[BackendAdapter, Counting]:
    """Trees, each with so many leaves, whose ranks alternate between high and low."""
    backend = Counting()
    adapter = BackendAdapter(backend, schema=TREES)
    await adapter.open()
    await adapter.create_tables()
    await adapter.create_many("tree", [{"name": name} for name in names])
    ranks = [rank if rank % 2 else -rank for rank in range(leaves)]
    await adapter.create_many("leaf", [{"rank": rank, "tree_name": name} for rank in ranks for name in names])
    await adapter.create("leaf", {"rank": 0})
    return adapter, backend


@pytest.mark.parametrize(("parents", "listed"), [(1, [1]), (10_000, [10_000]), (10_001, [10_000, 1])])
async def test_a_statement_is_for_ten_thousand_parents(parents: int, listed: list[int]) -> None:
    adapter, backend = await planted([f"{number}" for number in range(parents)])
    assert len(await adapter.find_many("tree", join={"leaves": Join(model="leaf")})) == parents
    assert backend.listed == listed


async def test_a_statement_is_for_fewer_parents_whose_keys_are_long() -> None:
    adapter, backend = await planted([f"{number:01400}" for number in range(3_000)])
    await adapter.find_many("tree", join={"leaves": Join(model="leaf")})
    assert backend.listed == [1_428, 1_428, 144]


@pytest.mark.parametrize("most", [1, 2, 3, 7])
@pytest.mark.parametrize("limit", [None, 1, 3])
async def test_children_are_the_same_sorted_and_limited_as_in_one_statement(
    monkeypatch: pytest.MonkeyPatch, most: int, limit: int | None
) -> None:
    adapter, backend = await planted(list("gecadbf"), leaves=5)
    join = {"leaves": Join(model="leaf", sort=["-rank"], limit=limit)}
    expected = await adapter.find_many("tree", sort=["-name"], join=join)
    assert backend.listed == [7]
    assert [tree["name"] for tree in expected] == list("gfedcba")
    assert all([leaf["rank"] for leaf in tree["leaves"]] == [3, 1, 0, -2, -4][:limit] for tree in expected)
    monkeypatch.setattr(portions, "MOST", most)
    assert await adapter.find_many("tree", sort=["-name"], join=join) == expected
    assert len(backend.listed) == 1 + -(-7 // most)


async def test_children_are_the_same_where_the_length_of_the_keys_is_the_border(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter, backend = await planted(["a", "bb", "cccc", "dd"], leaves=2)
    join = {"leaves": Join(model="leaf", sort=["rank"], where={"rank": 1})}
    expected = await adapter.find_many("tree", sort=["name"], join=join)
    monkeypatch.setattr(portions, "LONGEST", 4)
    assert await adapter.find_many("tree", sort=["name"], join=join) == expected
    assert backend.listed == [4, 2, 1, 1]
