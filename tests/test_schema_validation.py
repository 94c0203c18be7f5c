"""A wrong schema is refused when it is built, with the culprit named."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from auth_adapters.errors import SchemaError
from auth_adapters.schema import Field, Index, Model, Naming, Reference, Schema, Transforms, auth_schema

STRING = Field("string")


def build(fields: Mapping[str, Any], naming: Naming | None = None, **options: Any) -> Schema:
    """A schema of the model `thing` with these fields, and of `owner`, which it may refer to."""
    owner = Model(
        fields={
            "code": Field("string", unique=True),
            "label": STRING,
            "folded": Field("string", unique=True, case_insensitive=True),
            "hashed": Field("string", unique=True, transforms=Transforms(input=str.lower)),
        }
    )
    return Schema({"owner": owner, "thing": Model(fields=fields, **options)}, naming=naming or Naming())


def refused(*culprits: str) -> Any:
    """The schema is refused by a text that holds all of these."""
    return pytest.raises(SchemaError, match="".join(f"(?=.*{re.escape(one)})" for one in culprits))


def refers(**options: Any) -> dict[str, Field]:
    return {"owner_id": Field("id", references=Reference(**{"model": "owner", **options}))}


class TestModels:
    def test_a_schema_needs_a_model(self) -> None:
        with refused("at least one model"):
            Schema({})

    def test_a_model_is_a_model(self) -> None:
        with refused("'thing' is not a Model"):
            Schema({"thing": {"name": STRING}})  # type: ignore[dict-item]

    @pytest.mark.parametrize("name", ["apiKey", "User", "api-key", "1st", "_user", "", "näme"])
    def test_a_model_s_name_is_snake_case(self, name: str) -> None:
        with refused("the model", repr(name), "snake_case"):
            Schema({name: Model(fields={})})

    def test_an_unknown_id_mode_is_refused(self) -> None:
        with refused("ids", "'uuid5'"):
            Schema({"thing": Model(fields={})}, ids="uuid5")  # type: ignore[arg-type]

    def test_a_function_may_make_ids(self) -> None:
        assert callable(Schema({"thing": Model(fields={})}, ids=lambda: "1").ids)


class TestPrimaryKeys:
    def test_a_model_needs_a_primary_key(self) -> None:
        with refused("'thing' has no primary key"):
            build({"name": STRING}, primary_key=())

    def test_a_primary_key_names_fields_of_the_model(self) -> None:
        with refused("primary key", "'thing'", "'nope'"):
            build({"name": STRING}, primary_key=("nope",))

    def test_a_primary_key_names_each_field_once(self) -> None:
        with refused("primary key", "'thing'", "each once"):
            build({"name": STRING}, primary_key=("name", "name"))

    def test_a_primary_key_is_required(self) -> None:
        with refused("thing.name", "must be required"):
            build({"name": Field("string", required=False)}, primary_key=("name",))

    def test_a_primary_key_is_not_case_insensitive(self) -> None:
        with refused("thing.name", "case_insensitive"):
            build({"name": Field("string", case_insensitive=True)}, primary_key=("name",))

    def test_a_primary_key_has_no_transforms(self) -> None:
        with refused("thing.name", "transformed"):
            build({"name": Field("string", transforms=Transforms(input=str.lower))}, primary_key=("name",))

    @pytest.mark.parametrize("kind", ["text", "json", "string[]", "integer[]"])
    def test_a_primary_key_can_be_indexed(self, kind: Any) -> None:
        with refused("primary key", "'thing'", "'name'", kind):
            build({"name": Field(kind)}, primary_key=("name",))

    def test_a_primary_key_may_be_composite(self) -> None:
        schema = build({"kind": STRING, "name": STRING}, primary_key=("kind", "name"))
        assert schema.model("thing").unique_keys == (("kind", "name"),)

    def test_a_key_that_is_a_reference_is_not_made_by_the_schema(self) -> None:
        schema = build({"id": Field("id", references=Reference(model="owner"))})
        assert not schema.model("thing").makes_id


class TestIndexesAndExpiry:
    def test_an_index_names_fields_of_the_model(self) -> None:
        with refused("index", "'thing'", "'nope'"):
            build({"name": STRING}, indexes=[Index("name", "nope")])

    def test_an_index_names_each_field_once(self) -> None:
        with refused("index", "'thing'", "each once"):
            build({"name": STRING}, indexes=[Index("name", "name")])

    def test_an_index_needs_a_field(self) -> None:
        with refused("index", "'thing'", "needs fields"):
            build({"name": STRING}, indexes=[Index()])

    @pytest.mark.parametrize("kind", ["text", "json", "string[]", "integer[]"])
    def test_an_index_cannot_hold_what_has_no_order(self, kind: Any) -> None:
        with refused("index", "'thing'", "'name'", kind):
            build({"name": Field(kind)}, indexes=[Index("name")])

    def test_an_expiry_is_a_field_of_the_model(self) -> None:
        with refused("expiry", "'thing'", "'nope'"):
            build({"name": STRING}, expires="nope")

    def test_an_expiry_is_a_datetime(self) -> None:
        with refused("thing.name", "not a datetime"):
            build({"name": STRING}, expires="name")


class TestFields:
    @pytest.mark.parametrize("name", ["emailVerified", "Email", "e-mail", "2fa", ""])
    def test_a_field_s_name_is_snake_case(self, name: str) -> None:
        with refused("'thing'", repr(name), "snake_case"):
            build({name: STRING})

    def test_a_field_is_a_field(self) -> None:
        with refused("thing.name is not a Field"):
            build({"name": "string"})

    def test_a_key_field_is_a_field(self) -> None:
        with refused("thing.id is not a Field"):
            build({"id": "string"}, primary_key=("id",))

    def test_an_unknown_type_is_refused(self) -> None:
        with refused("thing.name", "'varchar'"):
            build({"name": Field("varchar")})  # type: ignore[arg-type]

    def test_an_id_is_a_key_or_a_reference(self) -> None:
        with refused("thing.owner", "type id"):
            build({"owner": Field("id")})

    def test_an_id_that_is_not_the_key_is_refused(self) -> None:
        with refused("thing.id", "type id"):
            build({"id": Field("id"), "name": STRING}, primary_key=("name",))

    def test_an_id_that_is_part_of_a_key_is_refused(self) -> None:
        with refused("thing.id", "type id"):
            build({"id": Field("id"), "name": STRING}, primary_key=("id", "name"))

    @pytest.mark.parametrize("rules", [{"unique": True}, {"index": True}], ids=["unique", "index"])
    @pytest.mark.parametrize("kind", ["text", "json", "string[]", "integer[]"])
    def test_what_has_no_order_is_not_indexed(self, kind: Any, rules: Any) -> None:
        with refused("thing.name", kind, "cannot be indexed"):
            build({"name": Field(kind, **rules)})

    @pytest.mark.parametrize("kind", ["text", "integer"])
    def test_only_a_string_has_a_length(self, kind: Any) -> None:
        with refused("thing.name", "length"):
            build({"name": Field(kind, length=10)})

    @pytest.mark.parametrize("length", [0, -1, 16_384])
    def test_a_length_has_bounds(self, length: int) -> None:
        with refused("thing.name", "length", "16383"):
            build({"name": Field("string", length=length)})

    @pytest.mark.parametrize("length", [1, 16_383])
    def test_the_bounds_of_a_length_are_allowed(self, length: int) -> None:
        assert build({"name": Field("string", length=length)}).model("thing").fields["name"].length == length

    def test_an_enum_needs_values(self) -> None:
        with refused("thing.name", "values", "enum"):
            build({"name": Field("enum")})

    def test_only_an_enum_has_values(self) -> None:
        with refused("thing.name", "values", "enum"):
            build({"name": Field("string", values=("a",))})

    def test_only_a_string_is_case_insensitive(self) -> None:
        with refused("thing.name", "case_insensitive"):
            build({"name": Field("text", case_insensitive=True)})

    def test_a_transformed_string_is_not_case_insensitive(self) -> None:
        with refused("thing.name", "case_insensitive"):
            build({"name": Field("string", case_insensitive=True, transforms=Transforms(input=str.lower))})

    def test_a_reference_is_not_case_insensitive(self) -> None:
        with refused("thing.owner_id", "case_insensitive"):
            build({"owner_id": Field("string", case_insensitive=True, references=Reference(model="owner"))})

    def test_none_is_no_default_of_a_required_field(self) -> None:
        with refused("thing.name", "default", "None"):
            build({"name": Field("string", default=None)})

    def test_an_id_has_no_transforms(self) -> None:
        with refused("thing.id", "transformed"):
            build({"id": Field("id", transforms=Transforms(output=str))})


class TestReferences:
    def test_a_reference_leads_to_a_model(self) -> None:
        with refused("thing.owner_id", "'nobody'"):
            build(refers(model="nobody"))

    def test_a_reference_leads_to_a_field(self) -> None:
        with refused("thing.owner_id", "owner.nope", "not a field"):
            build(refers(field="nope"))

    def test_a_reference_leads_to_a_unique_field(self) -> None:
        with refused("thing.owner_id", "owner.label", "not unique"):
            build(refers(field="label"))

    def test_a_reference_may_lead_to_any_unique_field(self) -> None:
        assert build(refers(field="code")).model("thing").fields["owner_id"].references is not None

    @pytest.mark.parametrize("field", ["folded", "hashed"])
    def test_a_reference_leads_to_what_is_stored_as_given(self, field: str) -> None:
        with refused("thing.owner_id", f"owner.{field}"):
            build(refers(field=field))

    def test_an_unknown_rule_on_delete_is_refused(self) -> None:
        with refused("thing.owner_id", "on_delete"):
            build(refers(on_delete="ignore"))

    def test_a_required_reference_cannot_be_emptied(self) -> None:
        with refused("thing.owner_id", "set_null"):
            build(refers(on_delete="set_null"))

    @pytest.mark.parametrize("options", [{"length": 10}, {"default": lambda: "1"}], ids=["length", "default"])
    def test_a_reference_takes_its_type_from_its_target(self, options: dict[str, Any]) -> None:
        with refused("thing.owner_id", "no length, no made default"):
            build({"owner_id": Field("string", references=Reference(model="owner"), **options)})

    def test_a_reference_has_no_transforms(self) -> None:
        field = Field("id", references=Reference(model="owner"), transforms=Transforms(input=str.lower))
        with refused("thing.owner_id", "transforms"):
            build({"owner_id": field})


class TestPhysicalNames:
    def test_naming_gives_tables_to_models_only(self) -> None:
        with refused("'nobody'", "not a model"):
            auth_schema(naming=Naming(tables={"nobody": "x"}))

    @pytest.mark.parametrize("key", ["user.nope", "nobody.email", "email"])
    def test_naming_gives_columns_to_fields_only(self, key: str) -> None:
        with refused(repr(key), "not a field"):
            auth_schema(naming=Naming(columns={key: "x"}))

    def test_an_unknown_case_is_refused(self) -> None:
        with refused("naming.case", "'kebab'"):
            auth_schema(naming=Naming(case="kebab"))  # type: ignore[arg-type]

    def test_two_models_cannot_share_a_table(self) -> None:
        with refused("'session'", "'user'", "'people'"):
            auth_schema(naming=Naming(tables={"user": "people", "session": "people"}))

    def test_tables_that_differ_in_case_alone_are_shared(self) -> None:
        with refused("'session'", "'user'", "'People'"):
            auth_schema(naming=Naming(tables={"user": "people", "session": "People"}))

    def test_two_fields_cannot_share_a_column(self) -> None:
        with refused("thing.b", "thing.a", "'x'"):
            build({"a": Field("string", column="x"), "b": Field("string", column="x")})

    def test_columns_that_differ_in_case_alone_are_shared(self) -> None:
        with refused("thing.b", "thing.a", "'X'"):
            build({"a": Field("string", column="x"), "b": Field("string", column="X")})

    def test_camel_case_can_make_two_fields_share_a_column(self) -> None:
        with refused("thing.a__b", "thing.a_b", "'aB'"):
            build({"a_b": STRING, "a__b": STRING}, naming=Naming(case="camel"))

    def test_a_shadow_column_is_not_shared(self) -> None:
        with refused("thing.name_lower", "thing.name", "'name_lower'"):
            build({"name": Field("string", case_insensitive=True), "name_lower": STRING})

    @pytest.mark.parametrize("name", ["", "a.b", "$a", "a\0b", "a\nb", "x" * 64, "é" * 32, "\ud800"])
    def test_a_column_has_a_name_that_every_database_takes(self, name: str) -> None:
        with refused("the column of user.image", "63"):
            auth_schema(naming=Naming(columns={"user.image": name}))

    @pytest.mark.parametrize("name", ["", "a.b", "$a", "x" * 64])
    def test_a_table_has_a_name_that_every_database_takes(self, name: str) -> None:
        with refused("the table of 'user'", "63"):
            auth_schema(naming=Naming(tables={"user": name}))

    def test_a_database_schema_has_a_name_that_every_database_takes(self) -> None:
        with refused("the database schema", "''"):
            auth_schema(naming=Naming(database_schema=""))

    def test_a_shadow_column_counts_towards_the_length(self) -> None:
        with refused("the column of thing.name", "63"):
            build({"name": Field("string", case_insensitive=True, column="x" * 60)})

    @pytest.mark.parametrize("name", ["user", "order", "with space", 'with"quote', "é", "x" * 63])
    def test_reserved_and_odd_names_are_allowed(self, name: str) -> None:
        schema = auth_schema(naming=Naming(columns={"user.image": name}))
        assert schema.naming.columns["user.image"] == name


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (Field("integer", default="many"), "the default of thing.it does not fit its type, integer"),
        (Field("integer", default=True), "the default of thing.it does not fit its type, integer"),
        (Field("boolean", default=1), "the default of thing.it does not fit its type, boolean"),
        (Field("string", default=5), "the default of thing.it does not fit its type, string"),
        (Field("string", length=2, default="abc"), "the default of thing.it is longer than the field"),
        (Field("enum", values=("a", "b"), default="c"), "the default of thing.it is none of its values: a, b"),
        (Field("datetime", default=datetime(2026, 1, 1)), "the default of thing.it is a naive datetime"),  # noqa: DTZ001
        (Field("datetime", on_update="now"), "the on_update of thing.it does not fit its type, datetime"),
        (Field("string[]", default="a"), "the default of thing.it does not fit its type"),
    ],
)
def test_a_constant_that_does_not_fit_its_field_is_refused(field: Field, said: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(said)):
        Schema({"thing": Model(fields={"it": field})})
