"""Which selects are look-ups that can go together, and the statement that they make."""

from typing import Any

import pytest

from auth_adapters.backends.sql.compiler import Sql
from auth_adapters.backends.sql.lookups import shape_of
from auth_adapters.physical import AllOf, Column, Condition, JoinOne, Order, PerParent, Select, Table, TableIndex, Test


def column(name: str, kind: Any = "string") -> Column:
    return Column(name=name, field=name, kind=kind, nullable=False)


TABLE = Table(
    name="session",
    model="session",
    schema=None,
    columns={
        **{name: column(name) for name in ("id", "token", "agent")},
        **{kind: column(kind, kind) for kind in ("string", "text", "integer", "float", "bytes", "uuid", "datetime")},
        "number": column("number", "float"),
    },
    primary_key=("id",),
    indexes=(
        TableIndex(name="one", columns=("token",), unique=True),
        TableIndex(name="two", columns=("agent",), unique=False),
        TableIndex(name="three", columns=("number",), unique=True),
        TableIndex(name="four", columns=("agent", "number"), unique=True),
        *(TableIndex(name=kind, columns=(kind,), unique=True) for kind in ("string", "text", "integer")),
        *(TableIndex(name=kind, columns=(kind,), unique=True) for kind in ("float", "bytes", "uuid", "datetime")),
    ),
    foreign_keys=(),
)


def look_up(condition: Condition, **more: Any) -> Select:
    return Select(table=TABLE, **({"columns": ("id", "token", "agent", "number"), "condition": condition} | more))


def compiled(statement: Select) -> Sql:
    return Sql(f"many of {statement.condition}", lambda values: values)


TOKEN = Test("token", "eq", 0)


@pytest.mark.parametrize(
    "statement",
    [
        look_up(Test("agent", "eq", 0)),
        look_up(Test("number", "eq", 0)),
        look_up(Test("token", "eq", 0, insensitive=True)),
        look_up(Test("token", "eq", 0, negated=True)),
        look_up(Test("token", "gt", 0)),
        look_up(Test("token", "in", 0)),
        look_up(Test("token", "is_null")),
        look_up(Test("token", "eq", 1)),
        look_up(TOKEN, per_parent=PerParent("agent", 1)),
        *(look_up(Test(kind, "eq", 0), columns=("id", kind)) for kind in ("float", "bytes", "uuid", "datetime")),
        look_up(AllOf((TOKEN, Test("agent", "eq", 1)))),
        look_up(TOKEN, limit=1),
        look_up(TOKEN, offset=1),
        look_up(TOKEN, columns=("id",)),
        look_up(
            TOKEN, joins=(JoinOne(table=TABLE, column="id", target_column="id", columns=("id",), condition=TOKEN),)
        ),
    ],
    ids=lambda statement: str(statement.condition),
)
def test_what_is_more_than_one_value_of_a_unique_column_goes_alone(statement: Select) -> None:
    assert shape_of(statement, compiled) is None


def test_a_join_goes_along() -> None:
    join = JoinOne(table=TABLE, column="id", target_column="id", columns=("id",), condition=AllOf(()))
    shape = shape_of(look_up(TOKEN, joins=(join,)), compiled)
    assert shape is not None
    assert shape.at == 1


@pytest.mark.parametrize("kind", ["string", "text", "integer"])
def test_values_that_come_back_as_they_were_sent_go_together(kind: str) -> None:
    shape = shape_of(look_up(Test(kind, "eq", 0), columns=("id", kind)), compiled)
    assert shape is not None
    assert shape.at == 1


def test_the_statement_of_all_is_made_once_and_keeps_the_order() -> None:
    made: list[Select] = []

    def compile_select(statement: Select) -> Sql:
        made.append(statement)
        return compiled(statement)

    shape = shape_of(look_up(TOKEN, order=(Order("agent"),)), compile_select)
    assert shape is not None
    assert not made
    for _ in range(2):
        assert shape.asked(["a", "b"])[1] == (["a", "b"],)
    assert [one.order for one in made] == [(Order("agent"),)]
