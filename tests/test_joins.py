"""Which reference links two models."""

import pytest

from auth_adapters.capabilities import Storage
from auth_adapters.codec import Codec
from auth_adapters.errors import InvalidQueryError
from auth_adapters.joins import find_link, read_joins
from auth_adapters.query import Join
from auth_adapters.schema import Field, Model, Reference, Schema

PAGES = Schema(
    {"page": Model(fields={"parent_id": Field("id", required=False, references=Reference(model="page"))})}
)  # fmt: skip


def test_a_direction_chooses_the_side_that_holds_the_reference() -> None:
    codec = Codec(PAGES, Storage())
    page = codec.model("page")
    asked = read_joins({
        "parent": Join(model="page", direction="forward"),
        "children": Join(model="page", direction="backward"),
    })  # fmt: skip
    assert [tuple(find_link(codec, page, one)) for one in asked] == [
        ("parent_id", "id", True),
        ("id", "parent_id", False),
    ]
    assert asked[0].key[1:] != asked[1].key[1:]


def test_an_error_names_every_reference_and_its_direction() -> None:
    codec = Codec(PAGES, Storage())
    (asked,) = read_joins({"parent": Join(model="page", on="parent_id")})
    known = r"there are: page\.parent_id \(forward\), page\.parent_id \(backward\)"
    with pytest.raises(InvalidQueryError, match=known):
        find_link(codec, codec.model("page"), asked)
