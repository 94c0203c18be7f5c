"""Faults of references: what happens to a child."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.physical import ForeignKey, Layout, Table

__all__ = ["LeavesOrphans", "RestrictCascades", "SetNullCascades", "TakesAnyParent"]


class Misdeclared(MemoryBackend):
    """Takes the references of the schema for others."""

    def misdeclare(self, key: ForeignKey) -> ForeignKey | None:
        raise NotImplementedError

    async def open(self, layout: Layout) -> None:
        tables = {name: self.misread(table) for name, table in layout.tables.items()}
        await super().open(Layout(tables=MappingProxyType(tables)))

    def misread(self, table: Table) -> Table:
        """The table with other references."""
        keys = [self.misdeclare(key) for key in table.foreign_keys]
        return replace(table, foreign_keys=tuple(key for key in keys if key is not None))


class LeavesOrphans(Misdeclared):
    """Nothing cascades: children outlive their parents."""

    def misdeclare(self, key: ForeignKey) -> ForeignKey | None:
        return None if key.on_delete == "cascade" else key


class RestrictCascades(Misdeclared):
    """What should refuse to be deleted takes its children with it."""

    def misdeclare(self, key: ForeignKey) -> ForeignKey | None:
        return replace(key, on_delete="cascade") if key.on_delete == "restrict" else key


class SetNullCascades(Misdeclared):
    """Children that should be emptied are deleted."""

    def misdeclare(self, key: ForeignKey) -> ForeignKey | None:
        return replace(key, on_delete="cascade") if key.on_delete == "set_null" else key


class TakesAnyParent(MemoryBackend):
    """A child may refer to nothing."""

    def _check_references(self, table: Table, before: Any, after: Any) -> None:
        pass
