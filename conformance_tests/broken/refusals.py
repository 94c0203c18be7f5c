"""Faults of errors, capabilities, and of an adapter's life."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from auth_adapters import BackendAdapter, BackendError, ConstraintError
from auth_adapters.backends.memory import MemoryBackend, MemoryStore
from auth_adapters.backends.memory.store import Tables

__all__ = [
    "CreateTablesEmpties",
    "DeclaresLittle",
    "DegradesSilently",
    "ErrorsKeepTheirCause",
    "ErrorsNameColumns",
    "ErrorsQuoteValues",
    "ErrorsWithoutFields",
    "ErrorsWithoutType",
    "LivesInOneLoop",
    "SaysNothing",
    "WorksWhenClosed",
]


class Misreporting(MemoryBackend):
    """Raises another error than it should."""

    def misreport(self, error: ConstraintError) -> BaseException:
        raise NotImplementedError

    async def _write(self, work: Callable[[], Any]) -> Any:
        try:
            return await super()._write(work)
        except ConstraintError as error:
            failure = self.misreport(error)
        raise failure


class ErrorsWithoutFields(Misreporting):
    """Errors do not say which fields they are about."""

    def misreport(self, error: ConstraintError) -> BaseException:
        return type(error)(str(error), model=error.model)


class ErrorsNameColumns(Misreporting):
    """Errors name columns, not fields."""

    def misreport(self, error: ConstraintError) -> BaseException:
        assert self._layout is not None
        columns = {
            column.field: column.name
            for table in self._layout.tables.values()
            if table.model == error.model
            for column in reversed(list(table.columns.values()))
        }
        fields = [columns[field] for field in error.fields]
        return type(error)(str(error), model=error.model, fields=fields)


class ErrorsQuoteValues(Misreporting):
    """Errors quote what was to be stored, as drivers do."""

    def misreport(self, error: ConstraintError) -> BaseException:
        rows = [dict(row) for rows in self._store.tables.rows.values() for row in rows.values()]
        return type(error)(f"{error}: duplicate entry in {rows}", model=error.model, fields=error.fields)


class ErrorsKeepTheirCause(Misreporting):
    """Errors drag the driver's error along, values and all."""

    def misreport(self, error: ConstraintError) -> BaseException:
        error.__cause__ = ValueError("duplicate entry 'ada@example.com'")
        return error


class ErrorsWithoutType(Misreporting):
    """Every refusal is the same plain error."""

    def misreport(self, error: ConstraintError) -> BaseException:
        return BackendError(str(error))


class DeclaresLittle(MemoryBackend):
    """No fault, and fewer capabilities."""

    capabilities = replace(MemoryBackend.capabilities, atomic_batches=False, savepoints=False, serial_ids=False)


class DegradesSilently(BackendAdapter):
    """What the backend does not declare is asked of it anyway."""

    def _require(self, capability: str, what: str) -> None:
        pass


class WorksWhenClosed(BackendAdapter):
    """A closed adapter goes on."""

    def _check_open(self) -> None:
        pass


class SaysNothing(BackendAdapter):
    """The observer is never told."""

    def _tell(self, *what: Any) -> None:
        pass


class CreateTablesEmpties(MemoryBackend):
    """Creating tables that are there makes them anew."""

    async def create_tables(self) -> None:
        self._store.tables = Tables()
        await super().create_tables()


class OneLock(MemoryStore):
    """Its lock belongs to the event loop that first waited for it."""

    only = None

    @property
    def writer(self) -> asyncio.Lock:
        self.only = self.only or asyncio.Lock()
        return self.only


class LivesInOneLoop(MemoryBackend):
    """Opened again in another event loop, it waits for the first one."""

    make_store = OneLock
