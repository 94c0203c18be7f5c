"""Random questions, their meaning written down a second time, and a bench to ask them on.

A tree is plain data: ("eq", field, value), ("contains", field, text, mode), ("and", tree, ...), ("or", tree, ...) or
("not", tree). `as_predicate` says it to an adapter; `holds` answers it without any code of the library.
"""

import asyncio
import string
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final, Self, TypeAlias, TypeVar

from auth_adapters.adapter import BackendAdapter
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.conformance.expect import PATIENCE
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import left_open, new_database
from auth_adapters.protocols import Adapter
from auth_adapters.query import Predicate, field
from auth_adapters.schema.composition import Schema

__all__ = ["Bench", "Kind", "Tree", "as_predicate", "holds", "in_order", "key_of", "random_leaf", "random_tree"]

T = TypeVar("T")
Tree: TypeAlias = tuple[Any, ...]
Kind: TypeAlias = tuple[str, Sequence[Any]]
"""How a field is compared ("equal", "ordered", "text", "folded" text, "ascii" text, "null") and values to compare."""

ORDERING: Final = ("lt", "lte", "gt", "gte")
SEARCHING: Final = ("contains", "starts_with", "ends_with")
LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def random_leaf(dice: Random, name: str, kind: str, pool: Sequence[Any]) -> Tree:
    """A comparison of the field `name` with values of `pool`."""
    forms = {"null": ["null"], "equal": ["null", "equal", "among"]}.get(kind, ["null", "equal", "among", "order"])
    if kind in ("text", "folded", "ascii"):
        forms = [*forms, "search", "search", "search"]
    form = dice.choice(forms)
    if form == "null":
        return (dice.choice(["eq", "ne"]), name, None)
    mode = ("insensitive",) if kind == "ascii" and form != "order" and dice.random() < 0.5 else ()
    if form == "among":
        values = [dice.choice([None, *pool]) for _ in range(dice.randrange(4))]
        return (dice.choice(["in_", "not_in"]), name, tuple(values), *mode)
    value = dice.choice(pool)
    if form == "search":
        start = dice.choice([0, 0, -1, -2, 1])
        return (dice.choice(SEARCHING), name, dice.choice([value, value[start:], value[:2]]), *mode)
    return (dice.choice(ORDERING if form == "order" else ("eq", "ne")), name, value, *mode)


def random_tree(dice: Random, leaves: Sequence[Tree]) -> Tree:
    """A tree made of these, each once or more."""
    forest = [*leaves]
    while len(forest) > 1:
        parts = [forest.pop(dice.randrange(len(forest))) for _ in range(min(len(forest), dice.choice([2, 2, 3])))]
        whole: Tree = (dice.choice(["and", "or"]), *parts)
        if dice.random() < 0.2:
            whole = (dice.choice(["and", "or"]), whole, dice.choice(leaves))
        forest.append(("not", whole) if dice.random() < 0.4 else whole)
    return forest[0] if dice.random() < 0.7 else ("not", forest[0])


def as_predicate(tree: Tree) -> Predicate:
    """The tree as a caller would write it."""
    op, *rest = tree
    if op == "not":
        return ~as_predicate(rest[0])
    if op in ("and", "or"):
        whole = as_predicate(rest[0])
        for part in rest[1:]:
            whole = whole & as_predicate(part) if op == "and" else whole | as_predicate(part)
        return whole
    name, value, *mode = rest
    build = getattr(field(name), op)
    predicate: Predicate = build(value, mode=mode[0]) if mode else build(value)
    return predicate


def holds(tree: Tree, record: Mapping[str, Any], folded: Collection[str] = ()) -> bool:
    """Whether the record is one that the tree asks for. folded: the case-insensitive fields."""
    op, *rest = tree
    if op == "not":
        return not holds(rest[0], record, folded)
    if op == "and":
        return all(holds(part, record, folded) for part in rest)
    if op == "or":
        return any(holds(part, record, folded) for part in rest)
    name, value, *mode = rest
    if op == "ne":
        return not holds(("eq", name, value, *mode), record, folded)
    if op == "not_in":
        return not holds(("in_", name, value, *mode), record, folded)
    if op == "in_":
        return any(holds(("eq", name, one, *mode), record, folded) for one in value)
    held, asked = plain(record[name]), plain(value)
    if op == "eq" and name in folded and held is not None and asked is not None:
        return bool(held.lower() == asked.lower())
    if mode == ["insensitive"] and held is not None and asked is not None:
        held, asked = held.translate(LOWER), asked.translate(LOWER)
    return compared(op, held, asked)


def plain(value: Any) -> Any:
    """The value with no more of a time than is stored."""
    if isinstance(value, datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    return value


def compared(op: str, held: Any, asked: Any) -> bool:
    """One comparison of values, of which None is like no other."""
    if op == "eq":
        return held is asked if held is None or asked is None else bool(held == asked)
    if held is None:
        return False
    answers: dict[str, Callable[[], Any]] = {
        "lt": lambda: held < asked,
        "lte": lambda: held <= asked,
        "gt": lambda: held > asked,
        "gte": lambda: held >= asked,
        "contains": lambda: asked in held,
        "starts_with": lambda: held[: len(asked)] == asked,
        "ends_with": lambda: held[max(0, len(held) - len(asked)) :] == asked,
    }
    return bool(answers[op]())


def in_order(records: Iterable[Mapping[str, Any]], sort: Sequence[str], key: str) -> list[Mapping[str, Any]]:
    """The records sorted: None first ascending and last descending, `key` last."""
    found = sorted(records, key=lambda record: str(record[key]))
    for entry in reversed(sort):
        name = entry.removeprefix("-")
        empty = [record for record in found if record[name] is None]
        full = [record for record in found if record[name] is not None]
        full.sort(key=lambda record: plain(record[name]), reverse=entry.startswith("-"))
        found = full + empty if entry.startswith("-") else empty + full
    return found


def key_of(records: Iterable[Mapping[str, Any]], key: str = "key") -> list[Any]:
    """The keys of records, in their order."""
    return [record[key] for record in records]


class Bench:
    """An adapter under test and the memory reference, side by side for the whole of a test.

    All work is done in one task of one loop, so that a transaction may span several calls of `run`.
    """

    def __init__(self, harness: Harness, schema: Schema) -> None:
        self._harness = harness
        self._database = new_database()
        self._runner = asyncio.Runner()
        self.adapter: Adapter = harness.connect(self._database, schema)
        self.reference: Adapter = BackendAdapter(MemoryBackend(), schema=schema)

    @property
    def both(self) -> tuple[Adapter, Adapter]:
        """The adapter and the reference."""
        return self.adapter, self.reference

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns, done by the one task."""
        return self._runner.run(self._ask(work))

    def __enter__(self) -> Self:
        self._runner.run(self._begin())
        for one in self.both:
            self.run(one.open())
            self.run(one.create_tables())
        return self

    def __exit__(self, *exc: object) -> None:
        with self._runner:
            for one in self.both:
                self.run(one.close())
            left = self._runner.run(left_open(self._harness, [self._database]))
            self._runner.run(self._end())
        assert exc[0] is not None or not left, f"connections are left open: {left}"

    async def _begin(self) -> None:
        self._jobs: asyncio.Queue[tuple[Coroutine[Any, Any, Any], asyncio.Future[Any]]] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            work, done = await self._jobs.get()
            try:
                async with asyncio.timeout(PATIENCE):
                    done.set_result(await work)
            except Exception as error:  # noqa: BLE001  (whoever asked gets it)
                done.set_exception(error)

    async def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait((work, done))
        return await done

    async def _end(self) -> None:
        self._worker.cancel()
        await asyncio.wait([self._worker])
        await self._harness.aclose()
