"""Faults of reading: conditions, order, pages and joins."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from auth_adapters import BackendAdapter, InvalidQueryError
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.capabilities import Storage
from auth_adapters.physical import AllOf, AnyOf, Condition, Row, Select, Table, Test, Values

__all__ = [
    "DropsOr",
    "EmptyJoinsAreNone",
    "FoldsCase",
    "HandsOutItsOwnLists",
    "HiddenLimit",
    "IgnoresBadJoins",
    "IgnoresLimit",
    "IgnoresMode",
    "IgnoresOffset",
    "IgnoresSelect",
    "InclusiveBounds",
    "IteratesOneBatch",
    "KeepsTheFirstOrder",
    "KeysetForgetsTies",
    "KeysetOffByOne",
    "LimitForAllParents",
    "ListsEndEarly",
    "MixesUpGroups",
    "NeSkipsNull",
    "NoTieBreak",
]


def each_test(condition: Condition, change: Callable[[Test], Condition]) -> Condition:
    """The condition with every test replaced."""
    if isinstance(condition, Test):
        return change(condition)
    return replace(condition, parts=tuple(each_test(part, change) for part in condition.parts))


class Misreading(MemoryBackend):
    """Takes every condition for another one."""

    def misread(self, condition: Condition) -> Condition:
        raise NotImplementedError

    async def select(self, statement: Select, values: Values) -> list[Row]:
        return await super().select(replace(statement, condition=self.misread(statement.condition)), values)

    def _matching(
        self, table: Table, condition: Condition, values: Values, at_most: int | None = None
    ) -> list[dict[str, Any]]:
        return super()._matching(table, self.misread(condition), values, at_most)


class DropsOr(Misreading):
    """Of several alternatives only the last counts."""

    def misread(self, condition: Condition) -> Condition:
        if isinstance(condition, Test):
            return condition
        parts = tuple(self.misread(part) for part in condition.parts)
        return parts[-1] if isinstance(condition, AnyOf) and parts else replace(condition, parts=parts)


class MixesUpGroups(Misreading):
    """Alternatives beside other conditions: one flat list of alternatives."""

    def misread(self, condition: Condition) -> Condition:
        if isinstance(condition, AllOf) and any(isinstance(part, AnyOf) for part in condition.parts):
            return AnyOf(condition.parts)
        return condition


class FoldsCase(Misreading):
    """`eq` takes upper for lower case, as collations do."""

    def misread(self, condition: Condition) -> Condition:
        return each_test(condition, lambda test: replace(test, insensitive=True) if test.op == "eq" else test)


class IgnoresMode(Misreading):
    """`mode="insensitive"` changes nothing."""

    def misread(self, condition: Condition) -> Condition:
        return each_test(condition, lambda test: replace(test, insensitive=False))


class NeSkipsNull(Misreading):
    """`ne` and `not_in` do not match NULL: three-valued logic."""

    def misread(self, condition: Condition) -> Condition:
        return each_test(condition, self.present)

    def present(self, test: Test) -> Condition:
        """A negated test, and the column not NULL."""
        if not test.negated or test.op == "is_null":
            return test
        return AllOf((test, Test(test.column, "is_null", None, negated=True)))


class InclusiveBounds(Misreading):
    """`lt` and `gt` match the bound itself."""

    def misread(self, condition: Condition) -> Condition:
        return each_test(condition, self.wider)

    def wider(self, test: Test) -> Condition:
        """The same with the bound."""
        if test.op == "lt":
            return replace(test, op="lte")
        return replace(test, op="gte") if test.op == "gt" else test


class KeysetForgetsTies(Misreading):
    """The next page begins behind every record that is equal in the first sort field."""

    def misread(self, condition: Condition) -> Condition:
        if isinstance(condition, AnyOf) and len(condition.parts) == 2 and isinstance(condition.parts[1], AllOf):
            first, second = condition.parts[0], condition.parts[1].parts[0]
            same = isinstance(first, Test) and isinstance(second, Test) and first.slot == second.slot
            return first if same and first.op in {"lt", "gt"} else condition  # type: ignore[union-attr]
        if isinstance(condition, AllOf):
            return replace(condition, parts=tuple(self.misread(part) for part in condition.parts))
        return condition


class IgnoresLimit(MemoryBackend):
    """Pages have no end."""

    async def select(self, statement: Select, values: Values) -> list[Row]:
        return await super().select(replace(statement, limit=None), values)


class IgnoresOffset(MemoryBackend):
    """Every page is the first."""

    async def select(self, statement: Select, values: Values) -> list[Row]:
        return await super().select(replace(statement, offset=None), values)


class HiddenLimit(MemoryBackend):
    """A question never has more than 100 answers."""

    async def select(self, statement: Select, values: Values) -> list[Row]:
        return (await super().select(statement, values))[:100]


class ListsEndEarly(MemoryBackend):
    """Of a list only the first 999 values count."""

    async def select(self, statement: Select, values: Values) -> list[Row]:
        return await super().select(statement, tuple(v[:999] if isinstance(v, list) else v for v in values))


class NoTieBreak(MemoryBackend):
    """Records equal in the first sort field come in any order."""

    async def select(self, statement: Select, values: Values) -> list[Row]:
        return await super().select(replace(statement, order=statement.order[:1]), values)


class LimitForAllParents(MemoryBackend):
    """The limit of a join is one for all parents together."""

    async def select(self, statement: Select, values: Values) -> list[Row]:
        if statement.per_parent:
            statement = replace(statement, per_parent=None, limit=statement.per_parent.slot)
        return await super().select(statement, values)


class HandsOutItsOwnLists(MemoryBackend):
    """Records share their lists and JSON values with what is stored."""

    storage = Storage(boolean=True, datetime="aware", json=True, arrays=True)


class KeysetOffByOne(BackendAdapter):
    """`after` leaves out one record too many."""

    async def find_many(self, *args: Any, **options: Any) -> list[Any]:
        if options.get("after") is not None:
            options["offset"] = options.get("offset", 0) + 1
        return await super().find_many(*args, **options)


class IgnoresSelect(BackendAdapter):
    """Every field is returned, whatever was asked for."""

    async def find_one(self, *args: Any, **options: Any) -> Any:
        return await super().find_one(*args, **{**options, "select": None})

    async def find_many(self, *args: Any, **options: Any) -> list[Any]:
        return await super().find_many(*args, **{**options, "select": None})


class KeepsTheFirstOrder(BackendAdapter):
    """A question about the same fields as an earlier one is answered in that one's order."""

    async def find_many(self, model: Any, where: Any = None, **options: Any) -> list[Any]:
        words = (model, tuple(where)) if isinstance(where, dict) else None
        kept = vars(self).setdefault("kept", {})
        sort = options.pop("sort", ())
        return await super().find_many(model, where, **options, sort=kept.setdefault(words, sort) if words else sort)


class IteratesOneBatch(BackendAdapter):
    """`iterate` ends after its first batch."""

    async def iterate(self, *args: Any, batch: int = 500, **options: Any) -> AsyncIterator[Any]:
        for record in await self.find_many(*args, **options, limit=batch):
            yield record


class IgnoresBadJoins(BackendAdapter):
    """A join that cannot be is left out."""

    async def find_many(self, *args: Any, **options: Any) -> list[Any]:
        try:
            return await super().find_many(*args, **options)
        except InvalidQueryError:
            options.pop("join", None)
            return await super().find_many(*args, **options)


class EmptyJoinsAreNone(BackendAdapter):
    """A joined record that holds nothing is taken for none."""

    async def find_many(self, *args: Any, **options: Any) -> list[Any]:
        records = await super().find_many(*args, **options)
        for record in records:
            empty = [name for name, value in record.items() if isinstance(value, dict) and not any(value.values())]
            record.update(dict.fromkeys(empty))
        return records
