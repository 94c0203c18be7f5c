"""What is kept of questions that were asked: plans by key, and the shortest way to the plan of a usual question."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from auth_adapters.codec import ModelCodec, UsualChanges
from auth_adapters.joins import Joining
from auth_adapters.physical import Row, Statement, Values
from auth_adapters.query import ModelRef, Record
from auth_adapters.values import Convert

__all__ = ["Asked", "Decode", "Name", "Plan", "PlanCache", "Usual", "usual_name", "usual_words"]

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
    """What was made of a question as auth code mostly asks it: for equality, its joins by name. changes: how its new
    values are encoded, if it has any and there is a short way.
    """

    model: ModelCodec
    plan: Plan[Any]
    followed: tuple[Values, ...]
    changes: UsualChanges | None = None


class PlanCache(dict[Hashable, Any]):
    """Plans by key, a bounded number of them: the oldest makes room for a new one."""

    def __init__(self, limit: int = MAX_PLANS) -> None:
        super().__init__()
        self._limit = limit

    def find(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The plan under `key`, made now if it is not there."""
        plan = self.get(key)
        if plan is None:
            plan = make()
            if len(self) >= self._limit:
                self.pop(next(iter(self)))
            self[key] = plan
        return plan


def usual_words(verb: str, model: Name, where: Mapping[str, Any], form: Hashable = None) -> Hashable | None:
    """The words of a statement about the records that have some values."""
    name = model if type(model) is str else usual_name(model)
    return name and (verb, name, tuple(where), form)


def usual_name(model: Any) -> str | None:
    """The name in a plain reference to a model; None for anything else."""
    return model.name if type(model) is ModelRef and type(model.name) is str else None
