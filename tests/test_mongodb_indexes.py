"""What the indexes of MongoDB's collections are called."""

import pytest

from auth_adapters.backends.mongodb.capabilities import STORAGE
from auth_adapters.backends.mongodb.indexes import wanted_indexes
from auth_adapters.layout import lay_out
from auth_adapters.schema import Field, Model, Schema


def names(table: str) -> list[str]:
    """Of the indexes of a collection with a key of two fields, and a time after which documents are of no use."""
    fields = {"a": Field("string"), "b": Field("string"), "ends": Field("datetime")}
    schema = Schema({"m": Model(fields=fields, table=table, primary_key=("a", "b"), expires="ends")})
    return [index.name for index in wanted_indexes(lay_out(schema, STORAGE).tables[table], ttl=True)]


def test_they_say_what_they_are_about() -> None:
    assert names("ticket") == ["pk_ticket", "ttl_ticket_ends"]


@pytest.mark.parametrize("kind", [0, 1], ids=["key", "expiry"])
def test_those_of_collections_with_long_names_that_begin_alike_differ(kind: int) -> None:
    one, other = names("t" * 60)[kind], names("t" * 61)[kind]
    assert len(one) == len(other) == 60
    assert one != other
