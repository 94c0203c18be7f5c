"""Faults of look-ups at the same moment."""

import asyncio
from collections.abc import Hashable
from typing import Any

from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.physical import Row, Select, Values

__all__ = ["CrowdFoldsCase", "CrowdGetsOneAnswer", "CrowdSeesThePast"]


class Crowd(MemoryBackend):
    """Who asks what another is just asking gets the answer of that one."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.under_way: dict[Hashable, asyncio.Future[list[Row]]] = {}

    def same(self, values: Values) -> Hashable:
        """What questions in the same words must share to be taken for the same."""
        return repr(values)

    async def select(self, statement: Select, values: Values) -> list[Row]:
        key = (statement, self.same(values))
        if key in self.under_way:
            return await self.under_way[key]
        answer = self.under_way[key] = asyncio.get_running_loop().create_future()
        rows = await super().select(statement, values)
        await asyncio.sleep(0)
        del self.under_way[key]
        answer.set_result(rows)
        return rows


class CrowdSeesThePast(Crowd):
    """What was found before a caller asked is given to it too, although it may have written meanwhile."""


class CrowdFoldsCase(Crowd):
    """Values that differ by case are taken for the same."""

    def same(self, values: Values) -> Hashable:
        return repr(values).casefold()


class CrowdGetsOneAnswer(Crowd):
    """The values are not looked at."""

    def same(self, values: Values) -> Hashable:
        return None
