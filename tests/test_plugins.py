"""What holds for every plugin, and what is particular to one."""

import pytest

from auth_adapters.schema import CORE_MODELS, Schema, auth_schema, plugins
from auth_adapters.schema.presets import authjs, better_auth

EVERY = [
    *(getattr(plugins, name)() for name in plugins.__all__ if name != "organization"),
    plugins.organization(teams=True, dynamic_roles=True),
]
SCHEMAS = {"auth_schema": auth_schema(*EVERY), "better_auth": better_auth(*EVERY), "authjs": authjs(*EVERY)}
each_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


@each_schema
def test_logical_names_are_snake_case_in_presets_too(schema: Schema) -> None:
    names = [*schema.models, *(field for model in schema.models.values() for field in model.fields)]
    assert all(name == name.lower() for name in names)


@each_schema
def test_every_reference_is_indexed(schema: Schema) -> None:
    fields = [field for model in schema.models.values() for field in model.fields.values()]
    assert all(field.index for field in fields if field.references)


@each_schema
def test_every_unique_or_indexed_text_is_a_string(schema: Schema) -> None:
    fields = [field for model in schema.models.values() for field in model.fields.values()]
    assert all(field.type != "text" for field in fields if field.unique or field.index)


def test_tables_and_columns_are_called_as_models_and_fields_without_a_preset() -> None:
    schema = SCHEMAS["auth_schema"]
    assert all(schema.naming.table(name, model.table) == name for name, model in schema.models.items())
    named = [field.column for model in schema.models.values() for field in model.fields.values()]
    assert set(named) == {None}


def test_the_models_of_plugins_have_these_names() -> None:
    assert set(SCHEMAS["auth_schema"].models) - set(CORE_MODELS) == {
        "apikey",
        "device_code",
        "invitation",
        "jwks",
        "member",
        "organization",
        "organization_role",
        "passkey",
        "rate_limit",
        "team",
        "team_member",
        "two_factor",
        "wallet_address",
    }


def test_only_sessions_verifications_and_device_codes_expire() -> None:
    expiring = {name for name, model in SCHEMAS["auth_schema"].models.items() if model.expires}
    assert expiring == {"session", "verification", "device_code"}


def test_a_username_is_normalised_to_lower_case() -> None:
    transforms = auth_schema(plugins.username()).model("user").fields["username"].transforms
    assert transforms is not None
    assert transforms.input is not None
    assert transforms.input("Ada") == "ada"


def test_a_username_may_be_normalised_otherwise() -> None:
    extension = plugins.username(normalize=str.casefold)
    transforms = auth_schema(extension).model("user").fields["username"].transforms
    assert transforms is not None
    assert transforms.input is str.casefold


def test_a_plugin_can_be_applied_twice() -> None:
    assert auth_schema(*EVERY, *EVERY).models == auth_schema(*EVERY).models
