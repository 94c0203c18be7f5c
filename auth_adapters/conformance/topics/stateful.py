"""Random sequences of verbs, against the memory reference."""

from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from auth_adapters.conformance.expect import UndoError
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.machine import CLUB, JOINS, MODELS, NUMBERS, UNIQUE, Dealer, Machine, violations
from auth_adapters.conformance.topic import Topic
from auth_adapters.conformance.trees import Bench
from auth_adapters.query import ALL

__all__ = ["TestStateful"]

QUIET = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    stateful_step_count=25,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
models: st.SearchStrategy[Any] = st.sampled_from(MODELS)
counted: st.SearchStrategy[str] = st.sampled_from(list(NUMBERS))
seeds: st.SearchStrategy[int] = st.integers(0, 2**32)


class Verbs(Machine):
    """Every verb, and transactions around them."""

    @rule(model=models, seed=seeds)
    def create(self, model: str, seed: int) -> None:
        row = Dealer(model, seed).row()
        note(f"create {row}")
        after = {**self.rows, model: [*self.rows[model], self.whole(model, row)]}
        self.step(lambda adapter: adapter.create(model, row), violations(model, after))

    @rule(model=models, seed=seeds)
    def create_many(self, model: str, seed: int) -> None:
        rows = Dealer(model, seed).rows()
        if not self.bench.adapter.capabilities.atomic_batches:
            rows = rows[:1]
        note(f"create_many {rows}")
        after = {**self.rows, model: self.rows[model] + [self.whole(model, row) for row in rows]}
        self.step(lambda adapter: adapter.create_many(model, rows), violations(model, after))

    @rule(model=models, seed=seeds)
    def update(self, model: str, seed: int) -> None:
        dealer = Dealer(model, seed)
        key, changes = dealer.key(), dealer.changes(least=1)
        where = dealer.pinned(key)
        note(f"update {key} {where} {changes}")
        self.step(lambda adapter: adapter.update(model, where, changes), self.changed(model, changes, key))

    @rule(model=models, seed=seeds)
    def update_many(self, model: str, seed: int) -> None:
        dealer = Dealer(model, seed)
        where = dealer.question() if seed % 5 else ALL
        changes = dealer.changes(least=1)
        note(f"update_many {where} {changes}")
        self.step(lambda adapter: adapter.update_many(model, where, changes), self.changed(model, changes))

    @rule(model=models, seed=seeds)
    def delete(self, model: str, seed: int) -> None:
        dealer = Dealer(model, seed)
        where = dealer.pinned(dealer.key())
        note(f"delete {where.values}")
        self.step(lambda adapter: adapter.delete(model, where))

    @rule(model=models, seed=seeds)
    def delete_many(self, model: str, seed: int) -> None:
        where = Dealer(model, seed).question()
        note(f"delete_many {where} {where.values}")
        self.step(lambda adapter: adapter.delete_many(model, where))

    @rule(model=models, seed=seeds)
    def consume_one(self, model: str, seed: int) -> None:
        dealer = Dealer(model, seed)
        where = dealer.pinned(dealer.key())
        note(f"consume_one {where.values}")
        self.step(lambda adapter: adapter.consume_one(model, where))

    @rule(model=counted, seed=seeds)
    def increment_one(self, model: str, seed: int) -> None:
        dealer = Dealer(model, seed)
        key = dealer.key()
        where = dealer.pinned(key)
        numbers = NUMBERS[model]
        names = dealer.dice.sample(list(numbers), dealer.dice.randint(1, len(numbers)))
        increment = {name: dealer.dice.choice(numbers[name]) for name in names}
        changes = {name: value for name, value in dealer.changes().items() if name not in increment}
        note(f"increment_one {key} {where} {increment} {changes}")
        self.step(
            lambda adapter: adapter.increment_one(model, where, increment, changes), self.changed(model, changes, key)
        )

    @rule(model=models, seed=seeds)
    def upsert(self, model: str, seed: int) -> None:
        dealer = Dealer(model, seed)
        row, on = dealer.row(), dealer.dice.choice([["key"], *UNIQUE[model]])
        row.update({name: dealer.value(name) for name in on if name != "key"})
        changes = dealer.dice.choice([None, {}, dealer.changes()])
        note(f"upsert {row} on {on} changes {changes}")
        same = self.same_key(model, row, on)
        applied = row if changes is None else changes
        written = [{**one, **applied, "key": one["key"]} for one in same] or [self.whole(model, row)]
        after = {**self.rows, model: [one for one in self.rows[model] if one not in same] + written}
        self.step(lambda adapter: adapter.upsert(model, row, on=on, changes=changes), violations(model, after))

    def same_key(self, model: str, row: dict[str, Any], on: list[str]) -> list[dict[str, Any]]:
        """The record that has the same key, if there is one."""

        def key_of(one: dict[str, Any]) -> list[str]:
            return [str(one.get(name)).lower() if name == "name" else str(one.get(name)) for name in on]

        return [one for one in self.rows[model] if key_of(one) == key_of(row)]

    @rule(model=models, seed=seeds)
    def find(self, model: str, seed: int) -> None:
        dealer = Dealer(model, seed)
        names = dealer.dice.sample(list(CLUB.models[model].fields), dealer.dice.randrange(3))
        sort = [dealer.dice.choice(["", "-"]) + name for name in names]
        limit, offset = dealer.dice.choice([None, 0, 1, 2]), dealer.dice.randrange(3)
        join = dealer.dice.choice([{}, JOINS[model]])
        where = dealer.question()
        note(f"find_many {where} {where.values} sort={sort} limit={limit} offset={offset} join={list(join)}")
        self.step(lambda adapter: adapter.find_many(model, where, sort=sort, limit=limit, offset=offset, join=join))
        self.step(lambda adapter: adapter.count(model, where))

    @precondition(lambda self: len(self.levels) < self.deepest)
    @rule()
    def begin(self) -> None:
        managers = [adapter.transaction() for adapter in self.stack[-1]]
        first, second = (self.bench.run(manager.__aenter__()) for manager in managers)
        self.levels.append((managers[0], managers[1]))
        self.stack.append((first, second))
        self.compare()

    @precondition(lambda self: self.levels)
    @rule(kept=st.booleans())
    def end(self, kept: bool) -> None:
        self.leave(None if kept else UndoError())
        self.compare()


class TestStateful(Topic):
    """Whole histories."""

    def test_random_histories_are_those_of_the_reference(self, harness: Harness) -> None:
        with Bench(harness, CLUB) as opened:

            class Played(Verbs):
                bench: ClassVar[Bench] = opened

            run_state_machine_as_test(Played, settings=QUIET)
