"""From logical names to physical ones. One way only: nothing ever guesses a logical name from a physical one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

__all__ = ["Case", "Naming"]

Case: TypeAlias = Literal["snake", "camel"]
EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How tables and columns are called. Logical names stay as they are.

    case: "snake" (`email_verified`) or "camel" (`emailVerified`, as TypeScript deployments have it).
    plural: `users` for `user`. prefix: before every table's name.
    tables: physical names by model, taken as they are. columns: physical names by `"model.field"`, likewise.
    database_schema: the named schema of the database in which the tables live, where the database has them.
    """

    case: Case = "snake"
    plural: bool = False
    prefix: str = ""
    tables: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    columns: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    database_schema: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))

    def table(self, model: str, given: str | None) -> str:
        """The table of `model`; `given` is the name the model itself asks for, if any."""
        if model in self.tables:
            return self.tables[model]
        name = given or self._cased(model)
        return self.prefix + (pluralize(name) if self.plural else name)

    def column(self, model: str, field: str, given: str | None) -> str:
        """The column of `field`; `given` is the name the field itself asks for, if any."""
        return self.columns.get(f"{model}.{field}", given or self._cased(field))

    def shadow(self, column: str) -> str:
        """The column beside `column` that holds its lower-case form."""
        return column + ("Lower" if self.case == "camel" else "_lower")

    def _cased(self, name: str) -> str:
        if self.case == "snake":
            return name
        first, *rest = name.split("_")
        return first + "".join(word.capitalize() for word in rest)


def pluralize(word: str) -> str:
    """The English plural of an identifier, by the regular rules."""
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + "s"
