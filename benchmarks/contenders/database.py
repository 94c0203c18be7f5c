"""How a database takes part: who competes on it, and what is asked of ours there."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.contenders.shared.protocol import ContenderClass

__all__ = ["OURS", "Database"]

OURS: Final = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database and its contenders.

    contenders: where each is, as "module:Class" in `benchmarks.contenders`, in the order in which they are shown.
    floor: the one that nobody can beat; all answers are compared with its. direct: the driver used directly, which the
    goals are set against. goals: at most so many times its CPU, by concurrency. place: where the data is kept, as
    "module:Class" in `benchmarks.places`. packages: whose versions are told. server: whether it is a process apart.
    """

    key: str
    title: str
    contenders: Mapping[str, str]
    floor: str
    direct: str
    goals: Mapping[int, float]
    place: str
    packages: tuple[str, ...]
    server: bool = True

    @property
    def bases(self) -> tuple[str, ...]:
        """Whose CPU the others' is a multiple of, table by table."""
        return tuple(dict.fromkeys((self.direct, OURS, self.floor)))

    def load(self, key: str) -> ContenderClass:
        """The contender listed under `key`. `ModuleNotFoundError` if what it stands for is not installed."""
        found: ContenderClass = _load("contenders", self.contenders[key])
        return found

    def load_place(self) -> Any:
        """The class of its place."""
        return _load("places", self.place)


def _load(package: str, named: str) -> Any:
    module, _, name = named.partition(":")
    return getattr(importlib.import_module(f"benchmarks.{package}.{module}"), name)
