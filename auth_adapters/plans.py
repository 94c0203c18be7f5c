"""What is kept of questions that were asked: plans by key, and the shortest way to the plan of a usual question."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from auth_adapters.codec import ModelCodec
from auth_adapters.ids import Unparsable
from auth_adapters.joins import Joining
from auth_adapters.physical import Row, Statement, Values
from auth_adapters.query import ModelRef, Record
from auth_adapters.values import Convert

__all__ = ["Asked", "Decode", "Name", "Plan", "PlanCache", "Usual", "usual_key", "usual_words"]

MAX_PLANS: Final = 1_024
S_co = TypeVar("S_co", bound=Statement, covariant=True)
Name = str | ModelRef[Any]
Decode: TypeAlias = Callable[[Row], Record]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[S_co]):
    """A statement, the conversions of its condition's values, the decoder of its rows, and its joins."""

    statement: S_co
    encoders: tuple[Convert, ...]
    decode: Decode
    joining: Joining | None = None


class Asked(NamedTuple, Generic[S_co]):
    """A plan with the values of one call. followed: those of its followed joins."""

    model: ModelCodec
    plan: Plan[S_co]
    values: Values
    followed: tuple[Values, ...] = ()

    @property
    def statement(self) -> S_co:
        """The plan's statement."""
        return self.plan.statement

    def record(self, row: Row | None) -> Record | None:
        """The record of a row, if there is one."""
        return None if row is None else self.plan.decode(row)


class Usual(NamedTuple):
    """What was made of a question as auth code mostly asks it: see `usual_key`."""

    model: ModelCodec
    plan: Plan[Any]
    followed: tuple[Values, ...]

    def asked(self, where: Mapping[str, Any], own: Iterable[Any]) -> Asked[Any] | None:
        """The same question with other values; None where it is another one, since a value is None or no id at all."""
        values = []
        try:
            for encode, value in zip(self.plan.encoders, where.values()):  # noqa: B905  (the key holds the names)
                if value is None:
                    return None
                values.append(encode(value))
        except Unparsable:
            return None
        values.extend(own)
        return Asked(self.model, self.plan, tuple(values), self.followed)


class PlanCache:
    """Plans by key, a bounded number of them: the oldest makes room for a new one."""

    def __init__(self, limit: int = MAX_PLANS) -> None:
        self._plans: dict[Hashable, Any] = {}
        self._limit = limit

    def get(self, key: Hashable | None) -> Any:
        """The plan under `key`, or None."""
        return self._plans.get(key)

    def find(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The plan under `key`, made now if it is not there."""
        plan = self._plans.get(key)
        if plan is None:
            plan = make()
            if len(self._plans) >= self._limit:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = plan
        return plan


def usual_key(model: Name, where: Any, select: Any, join: Any, sort: Any, limit: Any, single: bool) -> Hashable | None:
    """The words of a question that only asks for equality and only joins by name; None for any other.

    What is wrong with a question is found when it is asked first.
    """
    if type(where) is not dict or not (limit is None or (type(limit) is int and limit >= 0)):
        return None
    if join == () and sort == () and select is None:
        return usual_words("find", model, where, limit is None, single)
    for names in (join, sort, () if select is None else select):
        if type(names) is not tuple and type(names) is not list:
            return None
        for one in names:
            if type(one) is not str:
                return None
    fields = None if select is None else tuple(select)
    return usual_words("find", model, where, fields, tuple(join), tuple(sort), limit is None, single)


def usual_words(verb: str, model: Name, where: Mapping[str, Any], *form: Hashable) -> Hashable | None:
    """The words of a statement about the records that have some values."""
    name = model if type(model) is str else model.name if type(model) is ModelRef else None
    return None if type(name) is not str else (verb, name, tuple(where), *form)
