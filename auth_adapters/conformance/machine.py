"""A state machine that does the same to an adapter and to the memory reference, and compares after every step."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from random import Random
from typing import Any, ClassVar, Final, TypeAlias

from hypothesis.stateful import RuleBasedStateMachine, initialize

from auth_adapters.conformance.expect import UndoError
from auth_adapters.conformance.trees import Bench, Kind, as_predicate, random_leaf, random_tree
from auth_adapters.errors import AdapterStateError, AuthAdapterError, ConstraintError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, Join, Predicate, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Index, Model

__all__ = ["CLUB", "Machine"]

Work: TypeAlias = Callable[[Adapter], Awaitable[Any]]
Outcome: TypeAlias = tuple[str, Any, Any]
Rows: TypeAlias = dict[str, list[dict[str, Any]]]


def optional(kind: Any, **options: Any) -> Field:
    """A field that may be empty."""
    return Field(kind, required=False, **options)


def refers(model: str, on_delete: Any) -> Field:
    """A reference that may be empty."""
    return optional("string", references=Reference(model=model, field="key", on_delete=on_delete))


KEY: Final = Field("string")
CLUB: Final = Schema(
    {
        "club": Model(
            fields={
                "key": KEY,
                "slug": optional("string", unique=True),
                "size": Field("integer", default=0),
                "parent": refers("club", "cascade"),
                "touched": Field("string", default="no", on_update="yes"),
            },
            primary_key=("key",),
        ),
        "member": Model(
            fields={
                "key": KEY,
                "club_key": refers("club", "cascade"),
                "mentor": refers("member", "set_null"),
                "name": optional("string", case_insensitive=True),
                "score": optional("integer"),
                "weight": optional("float"),
            },
            primary_key=("key",),
            indexes=[Index("club_key", "name", unique=True)],
        ),
        "badge": Model(
            fields={"key": KEY, "owner": refers("member", "restrict"), "label": optional("string", unique=True)},
            primary_key=("key",),
        ),
        "entry": Model(
            fields={"key": KEY, "club_key": refers("club", "set_null"), "kind": optional("string")},
            primary_key=("key",),
            indexes=[Index("club_key", "kind", unique=True)],
        ),
    }
)
MODELS: Final = ("club", "member", "badge", "entry")
EMPTYING: Final = ("badge", "entry", "member", "club")
KEYS: Final = ["k0", "k1", "k2", "k3", "k4", "k5"]
LABELS: Final = ["a", "A", "b", ""]
POOLS: Final[dict[str, dict[str, Kind]]] = {
    "club": {
        "slug": ("text", LABELS),
        "size": ("ordered", [0, 1, 2**63 - 1]),
        "parent": ("ordered", KEYS),
        "touched": ("text", ["yes", "no"]),
    },
    "member": {
        "club_key": ("ordered", KEYS),
        "mentor": ("ordered", KEYS),
        "name": ("folded", ["ada", "Ada", "bob"]),
        "score": ("ordered", [0, 1, -(2**63), 2**63 - 1]),
        "weight": ("ordered", [0.0, 0.5, 1e308]),
    },
    "badge": {"owner": ("ordered", KEYS), "label": ("text", LABELS)},
    "entry": {"club_key": ("ordered", KEYS), "kind": ("text", LABELS)},
}
REQUIRED: Final = frozenset({"size", "touched"})
NUMBERS: Final[dict[str, dict[str, list[Any]]]] = {
    "club": {"size": [1, -1, 0, 2**63 - 1, -(2**63)]},
    "member": {"score": [1, -1, 0, 2**63 - 1, -(2**63)], "weight": [0.5, -1, 0, 1e308, -1e308]},
}
UNIQUE: Final = {
    "club": [["slug"]],
    "member": [["club_key", "name"]],
    "badge": [["label"]],
    "entry": [["club_key", "kind"]],
}
JOINS: Final[dict[str, dict[str, Join]]] = {
    "club": {"members": Join(model="member", sort=["-score"], limit=2), "entries": Join(model="entry")},
    "member": {"club": Join(model="club"), "badges": Join(model="badge", select=["label"])},
    "badge": {"member": Join(model="member", where=field("score").ne(None))},
    "entry": {"club": Join(model="club", select=["slug"])},
}

POPULATION: Final[dict[str, list[dict[str, Any]]]] = {
    "club": [{"key": "k0", "slug": "a"}, {"key": "k1", "slug": "A", "parent": "k0"}, {"key": "k2", "size": 2**63 - 1}],
    "member": [
        {"key": "k0", "club_key": "k0", "name": "Ada"},
        {"key": "k1", "club_key": "k0", "name": "bob", "mentor": "k0", "score": 1, "weight": 0.5},
        {"key": "k2", "club_key": "k2", "name": "bob", "mentor": "k2"},
    ],
    "badge": [{"key": "k0", "owner": "k1", "label": "a"}, {"key": "k1", "label": "b"}],
    "entry": [{"key": "k0", "club_key": "k0", "kind": "a"}, {"key": "k1", "club_key": "k1"}],
}


class Dealer:
    """What a verb is given: the same for the same seed."""

    def __init__(self, model: str, seed: int) -> None:
        self.model = model
        self.dice: Random = Random(seed)
        self.pools: dict[str, Kind] = POOLS[model]

    def key(self) -> str:
        """The key of a record that may be there."""
        return self.dice.choice(KEYS)

    def changes(self, least: int = 0) -> dict[str, Any]:
        """Values for some fields, the key apart."""
        names = self.dice.sample(list(self.pools), self.dice.randint(least, min(3, len(self.pools))))
        return {name: self.value(name) for name in names}

    def value(self, name: str) -> Any:
        """A value for a field."""
        values = self.pools[name][1]
        return self.dice.choice(values if name in REQUIRED else [None, *values])

    def row(self) -> dict[str, Any]:
        """A new record."""
        return {"key": self.key(), **self.changes()}

    def rows(self) -> list[dict[str, Any]]:
        """New records, none of which refers to a later one."""
        made: list[dict[str, Any]] = []
        for row in (self.row() for _ in range(self.dice.randrange(5))):
            before = {*KEYS[:2], *(one["key"] for one in made)}
            itself = {"club": "parent", "member": "mentor"}.get(self.model, "")
            if row.get(itself) not in before:
                row.pop(itself, None)
            made.append(row)
        return made

    def question(self) -> Predicate:
        """A predicate."""
        kinds: Mapping[str, Kind] = {"key": ("text", KEYS), **self.pools}
        names = self.dice.choices(list(kinds), k=self.dice.randint(1, 3))
        return as_predicate(random_tree(self.dice, [random_leaf(self.dice, name, *kinds[name]) for name in names]))

    def pinned(self, key: str) -> Predicate:
        """A predicate that at most one record matches."""
        pin = field("key").eq(key)
        return pin if self.dice.random() < 0.6 else pin & self.question()


async def outcome_of(work: Work, adapter: Adapter) -> Outcome:
    """What came of it, comparable."""
    try:
        return ("gave", await work(adapter), None)
    except AuthAdapterError as error:
        about = (error.model, error.fields) if isinstance(error, ConstraintError) else None
        return ("raised", type(error).__name__, about)


def violations(model: str, after: Rows) -> set[Any]:
    """Every rule of `model` that these rows, as they would be, break. Several at once: either may be the one named."""
    broken: set[Any] = set()
    rows = after[model]
    for fields in [["key"], *UNIQUE[model]]:
        held = [tuple(str(row[name]).lower() if name == "name" else row[name] for name in fields) for row in rows]
        full = [one for one, row in zip(held, rows, strict=True) if None not in [row[name] for name in fields]]
        if len(set(full)) < len(full):
            broken.add(("UniqueViolationError", (model, tuple(fields))))
    for name, declared in CLUB.models[model].fields.items():
        if declared.references:
            there = {row["key"] for row in after[declared.references.model]} | {None}
            if not {row[name] for row in rows} <= there:
                broken.add(("ForeignKeyViolationError", (model, (name,))))
    return broken


class Machine(RuleBasedStateMachine):
    """Random verbs. Subclass it with the bench to work on."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[tuple[Any, Any]] = []
        self.stack: list[tuple[Adapter, Adapter]] = [self.bench.both]
        self.rows: Rows = {model: [] for model in MODELS}

    @initialize()
    def populate(self) -> None:
        """Begin with some of everything."""
        for model, rows in POPULATION.items():
            for row in rows:
                self.both(lambda adapter, model=model, row=row: adapter.create(model, row))  # type: ignore[misc]
        self.compare()

    @property
    def deepest(self) -> int:
        """How deep transactions may nest."""
        capabilities = self.bench.adapter.capabilities
        return 3 if capabilities.savepoints else int(capabilities.transactions)

    def both(self, work: Work) -> tuple[Outcome, Outcome]:
        """What comes of the work on either side, in the transaction if there is one."""
        adapter, reference = self.stack[-1]
        return self.bench.run(outcome_of(work, adapter)), self.bench.run(outcome_of(work, reference))

    def step(self, work: Work, allowed: set[Any] | None = None) -> None:
        """The same on either side. allowed: the constraint errors of which either side may name its own."""
        got, expected = self.both(work)
        if got[0] == expected[0] == "raised" and got[2] and expected[2] and allowed:
            assert {got[1:], expected[1:]} <= allowed
        else:
            assert got == expected
        if expected[0] == "raised" and self.levels:
            self.leave_if_failed()
        self.compare()

    def leave_if_failed(self) -> None:
        """A transaction in which the database has answered with an error takes no further verb."""
        got, expected = self.both(lambda adapter: adapter.count("club"))
        assert got == expected
        if expected[0] == "raised":
            assert expected[1] == AdapterStateError.__name__
            self.leave(UndoError())

    def compare(self) -> None:
        """Both sides hold the same records."""
        for model in MODELS:
            got, expected = self.both(lambda adapter, model=model: adapter.find_many(model))  # type: ignore[misc]
            assert got == expected
            self.rows[model] = expected[1]

    def leave(self, error: Exception | None) -> None:
        """End the innermost transaction on either side."""
        self.stack.pop()
        for manager in self.levels.pop():
            try:
                self.bench.run(manager.__aexit__(type(error) if error else None, error, None))
            except UndoError:
                continue

    def after(self, model: str, changed: Iterable[dict[str, Any]]) -> Rows:
        """All rows, these among them in place of those with the same keys."""
        placed = {row["key"]: row for row in [*self.rows[model], *changed]}
        return {**self.rows, model: list(placed.values())}

    def whole(self, model: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A new record with every field."""
        return {**dict.fromkeys(CLUB.models[model].fields), **row}

    def changed(self, model: str, changes: Mapping[str, Any], key: str | None = None) -> set[Any]:
        """What changing one record, or any of them, may break."""
        rows = [{**row, **changes} for row in self.rows[model] if key in (None, row["key"])]
        return violations(model, self.after(model, rows))

    def teardown(self) -> None:
        while self.levels:
            self.leave(UndoError())
        for adapter in self.bench.both:
            for model in EMPTYING:
                self.bench.run(adapter.delete_many(model, ALL))
