"""AND and OR of any number of parts: no deeper and no longer than databases take."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, and_, false, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

__all__ = ["combine"]

MAX_FLAT: Final = 64
"""More parts than this are grouped in pairs: databases limit the depth of an expression."""


def combine(joiner: Callable[..., ColumnElement[bool]], parts: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    """The parts joined by `and_` or `or_`; of none, what that is of nothing."""
    if not parts:
        return true() if joiner is and_ else false()
    while len(parts) > MAX_FLAT:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [Bracketed(joiner(*pair)) if len(pair) == 2 else pair[0] for pair in pairs]
    return joiner(*parts)


class Bracketed(ColumnElement[bool]):
    """A part in brackets of its own. (SQLAlchemy flattens AND in AND and OR in OR, whatever their depth.)"""

    inherit_cache: bool | None = False

    def __init__(self, inner: ColumnElement[bool]) -> None:
        self.inner = inner
        self.type: TypeEngine[bool] = inner.type

    @property
    def _from_objects(self) -> list[FromClause]:
        return self.inner._from_objects


@compiles(Bracketed)
def _compile_bracketed(element: Bracketed, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.inner, **options)})"
