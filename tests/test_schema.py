"""Schemas as data: names, extensions, and what the edge lets in and out."""

import dataclasses
from datetime import UTC, timedelta

import pytest

from auth_adapters.errors import InvalidValueError, SchemaError, UnknownFieldError, UnknownModelError
from auth_adapters.schema import (
    CORE_MODELS,
    MISSING,
    USER,
    Extension,
    Field,
    Index,
    Model,
    Naming,
    Reference,
    Schema,
    auth_schema,
    plugins,
    utc_now,
)


def table(schema: Schema, model: str) -> str:
    return schema.naming.table(model, schema.models[model].table)


def column(schema: Schema, model: str, field: str) -> str:
    return schema.naming.column(model, field, schema.models[model].fields[field].column)


class TestNaming:
    def test_names_are_snake_case_by_default(self) -> None:
        schema = auth_schema(plugins.two_factor())
        assert (table(schema, "two_factor"), column(schema, "user", "email_verified")) == (
            "two_factor",
            "email_verified",
        )

    def test_camel_case_is_that_of_typescript(self) -> None:
        schema = auth_schema(plugins.two_factor(), naming=Naming(case="camel"))
        assert (table(schema, "two_factor"), column(schema, "user", "email_verified")) == ("twoFactor", "emailVerified")

    @pytest.mark.parametrize(
        ("model", "plural"),
        [
            ("user", "users"),
            ("api_key", "api_keys"),
            ("identity", "identities"),
            ("address", "addresses"),
            ("box", "boxes"),
            ("match", "matches"),
            ("wish", "wishes"),
        ],
    )
    def test_plural_tables_follow_the_regular_rules(self, model: str, plural: str) -> None:
        assert Naming(plural=True).table(model, None) == plural

    def test_plural_leaves_columns_alone(self) -> None:
        assert Naming(plural=True).column("user", "image", None) == "image"

    def test_a_plural_is_made_of_the_camel_name(self) -> None:
        assert Naming(case="camel", plural=True).table("two_factor", None) == "twoFactors"

    def test_a_prefix_stands_before_every_table(self) -> None:
        schema = auth_schema(naming=Naming(prefix="auth_", plural=True))
        assert [table(schema, name) for name in CORE_MODELS] == [
            "auth_users",
            "auth_sessions",
            "auth_accounts",
            "auth_verifications",
        ]

    def test_a_table_s_own_name_is_made_plural_and_prefixed(self) -> None:
        assert Naming(prefix="a_", plural=True).table("user", "person_row") == "a_person_rows"

    def test_naming_tables_takes_a_name_as_it_is(self) -> None:
        naming = Naming(prefix="a_", plural=True, tables={"user": "Person"})
        assert naming.table("user", "ignored") == "Person"

    def test_a_field_may_ask_for_its_column(self) -> None:
        assert Naming(case="camel").column("user", "external_ref", "ext_ref") == "ext_ref"

    def test_naming_columns_beats_what_a_field_asks_for(self) -> None:
        assert Naming(columns={"user.image": "Picture"}).column("user", "image", "avatar") == "Picture"

    def test_naming_columns_is_for_one_model_alone(self) -> None:
        assert Naming(columns={"user.name": "fullName"}).column("organization", "name", None) == "name"

    @pytest.mark.parametrize(("naming", "shadow"), [(Naming(), "a_lower"), (Naming(case="camel"), "aLower")])
    def test_a_shadow_column_is_called_in_the_same_case(self, naming: Naming, shadow: str) -> None:
        assert naming.shadow("a") == shadow

    def test_a_plugin_s_table_and_column_can_be_named_from_the_start(self) -> None:
        naming = Naming(tables={"two_factor": "mfa"}, columns={"user.phone_number": "phone"})
        schema = auth_schema(plugins.two_factor(), plugins.phone_number(), naming=naming)
        assert (table(schema, "two_factor"), column(schema, "user", "phone_number")) == ("mfa", "phone")

    def test_names_given_later_do_not_change_a_naming(self) -> None:
        names = {"user": "people"}
        naming = Naming(tables=names)
        names["user"] = "changed"
        assert naming.tables["user"] == "people"


class TestModels:
    def test_a_model_has_an_id_unless_it_has_another_key(self) -> None:
        assert list(Model(fields={"a": Field("string")}).fields) == ["id", "a"]

    def test_a_model_with_another_key_has_no_id(self) -> None:
        assert list(Model(fields={"a": Field("string")}, primary_key=("a",)).fields) == ["a"]

    def test_an_id_may_be_declared_as_another_type(self) -> None:
        assert not Model(fields={"id": Field("integer")}).makes_id

    def test_unique_keys_begin_with_the_primary_key(self) -> None:
        keys = CORE_MODELS["account"].unique_keys
        assert keys == (("id",), ("provider_id", "account_id"))

    def test_fields_of_a_model_are_frozen(self) -> None:
        with pytest.raises(TypeError):
            CORE_MODELS["user"].fields["role"] = Field("string")  # type: ignore[index]

    def test_a_field_is_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            Field("string").unique = True  # type: ignore[misc]

    def test_no_default_and_a_default_of_none_differ(self) -> None:
        assert Field("string").default is MISSING
        assert Field("string", required=False, default=None).default is None

    def test_the_time_now_is_aware_and_utc(self) -> None:
        now = utc_now()
        assert now.tzinfo is UTC
        assert now.utcoffset() == timedelta(0)


class TestLookup:
    def test_a_model_is_found_by_name(self) -> None:
        assert auth_schema().model("user") is CORE_MODELS["user"]

    def test_a_model_is_found_by_reference(self) -> None:
        assert auth_schema().model(USER) is CORE_MODELS["user"]

    def test_an_unknown_model_is_named_beside_those_there_are(self) -> None:
        with pytest.raises(UnknownModelError, match=r"'usr'.*user, session, account, verification"):
            auth_schema().model("usr")

    def test_a_name_that_cannot_be_one_is_an_unknown_model(self) -> None:
        with pytest.raises(UnknownModelError):
            auth_schema().model(["user"])  # type: ignore[arg-type]


class TestExtend:
    def test_fields_are_added_to_a_model_that_is_there(self) -> None:
        schema = auth_schema().extend(Extension(fields={"user": {"role": Field("string")}}))
        assert schema.model("user").fields["role"] == Field("string")

    def test_a_field_that_is_there_is_replaced(self) -> None:
        schema = auth_schema().extend(Extension(fields={"user": {"name": Field("text")}}))
        assert schema.model("user").fields["name"].type == "text"

    def test_a_replaced_field_keeps_its_place(self) -> None:
        schema = auth_schema().extend(Extension(fields={"user": {"name": Field("text")}}))
        assert list(schema.model("user").fields) == list(CORE_MODELS["user"].fields)

    def test_models_are_added(self) -> None:
        schema = auth_schema().extend(Extension(models={"note": Model(fields={})}))
        assert [*schema.models] == [*CORE_MODELS, "note"]

    def test_indexes_are_added(self) -> None:
        schema = auth_schema().extend(Extension(indexes={"user": [Index("name", "email")]}))
        assert schema.model("user").indexes == (Index("name", "email"),)

    def test_the_same_extension_twice_adds_an_index_once(self) -> None:
        extension = Extension(indexes={"user": [Index("name", "email")]})
        assert auth_schema(extension, extension).model("user").indexes == (Index("name", "email"),)

    def test_the_rest_of_an_extended_model_stays(self) -> None:
        session = auth_schema(plugins.organization()).model("session")
        assert (session.expires, session.primary_key) == ("expires_at", ("id",))

    def test_the_ids_and_names_stay(self) -> None:
        naming = Naming(plural=True)
        schema = auth_schema(ids="uuid7", naming=naming).extend(plugins.passkey())
        assert (schema.ids, schema.naming) == ("uuid7", naming)

    def test_the_schema_extended_is_left_alone(self) -> None:
        schema = auth_schema()
        schema.extend(plugins.admin(), plugins.passkey())
        assert dict(schema.models) == CORE_MODELS

    def test_an_extension_may_add_to_a_model_of_an_earlier_one(self) -> None:
        more = Extension(fields={"passkey": {"note": Field("text")}})
        assert "note" in auth_schema(plugins.passkey(), more).model("passkey").fields

    def test_models_of_an_extension_may_refer_to_each_other(self) -> None:
        a = Model(fields={"b_id": Field("id", references=Reference(model="b"))})
        assert "a" in auth_schema(Extension(models={"a": a, "b": Model(fields={})})).models

    @pytest.mark.parametrize(
        "extension",
        [Extension(fields={"nobody": {"x": Field("string")}}), Extension(indexes={"nobody": [Index("x")]})],
        ids=["fields", "indexes"],
    )
    def test_adding_to_a_model_that_is_not_there_is_refused(self, extension: Extension) -> None:
        with pytest.raises(SchemaError, match="'nobody'"):
            auth_schema().extend(extension)

    def test_what_is_added_is_checked(self) -> None:
        with pytest.raises(SchemaError, match=r"user\.role"):
            auth_schema().extend(Extension(fields={"user": {"role": Field("text", unique=True)}}))


class TestPublic:
    def test_fields_that_are_not_returned_are_left_out(self) -> None:
        record = {"id": "1", "provider_id": "x", "password": "hash", "access_token": "t"}
        assert auth_schema().public("account", record) == {"id": "1", "provider_id": "x"}

    def test_joined_records_stay_as_they_are(self) -> None:
        record = {"id": "1", "account": [{"password": "hash"}]}
        assert auth_schema().public(USER, record) == record

    def test_the_record_itself_is_left_alone(self) -> None:
        record = {"password": "hash"}
        auth_schema().public("account", record)
        assert record == {"password": "hash"}


class TestAccept:
    def test_what_a_client_may_send_is_copied(self) -> None:
        data = {"name": "Ada", "email": "ada@example.com"}
        accepted = auth_schema().accept(USER, data)
        assert accepted == data
        assert accepted is not data

    def test_a_field_that_is_no_input_is_refused_by_name(self) -> None:
        with pytest.raises(InvalidValueError, match=r"user\.email_verified") as caught:
            auth_schema().accept("user", {"email_verified": "s3cret"})
        assert "s3cret" not in str(caught.value)

    def test_an_id_that_the_schema_makes_is_refused(self) -> None:
        with pytest.raises(InvalidValueError, match=r"user\.id"):
            auth_schema().accept("user", {"id": "1"})

    def test_an_id_of_the_application_s_own_is_accepted(self) -> None:
        schema = Schema({"thing": Model(fields={"id": Field("integer")})})
        assert schema.accept("thing", {"id": 1}) == {"id": 1}

    def test_an_unknown_field_is_refused_by_name(self) -> None:
        with pytest.raises(UnknownFieldError, match=r"'user'.*'is_admin'"):
            auth_schema().accept(USER, {"is_admin": True})
