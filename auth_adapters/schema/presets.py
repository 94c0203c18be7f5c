"""Whole schemas under the exact physical names of other frameworks, to share tables with them.

Logical names are snake_case here as everywhere; only tables and columns are called as the framework calls them.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from auth_adapters.errors import SchemaError
from auth_adapters.schema.composition import IdMode, Schema, compose
from auth_adapters.schema.core import CORE_MODELS, OF_USER, TEXT, WHEN
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Extension, Index, Model
from auth_adapters.schema.naming import Naming
from auth_adapters.schema.plugins import CREDENTIAL_ID_LENGTH, EMAIL_LENGTH

__all__ = ["BetterAuthVersion", "authjs", "better_auth"]

BetterAuthVersion: TypeAlias = Literal["1.4", "1.5", "1.6", "1.7"]

VERSIONS: Final = frozenset({"1.4", "1.5", "1.6", "1.7"})
WITH_ISSUER: Final = frozenset({"1.7"})
CAMEL: Final = Naming(case="camel")

BETTER_AUTH_COLUMNS: Final = {"passkey.credential_id": "credentialID"}
AUTHJS_COLUMNS: Final = {
    "account.refresh_token": "refresh_token",
    "account.access_token": "access_token",
    "account.expires_at": "expires_at",
    "account.token_type": "token_type",
    "account.id_token": "id_token",
    "account.session_state": "session_state",
    "authenticator.credential_id": "credentialID",
}


def better_auth(
    *extensions: Extension, version: BetterAuthVersion = "1.7", ids: IdMode = "random", naming: Naming = CAMEL
) -> Schema:
    """The core four as Better Auth stores them, with `extensions` (plugins, or the application's own) added.

    E-mail addresses are compared as they are written: Better Auth lower-cases them before it stores them, and so must
    whoever shares its tables. From version 1.7 on a user needs a name, and an account an `issuer`, which is unique
    together with `account_id`; before, `provider_id` is. naming: `Naming(case="camel", ...)` with a deployment's own
    names; `case="snake"` gives this schema under snake_case names. An unknown version is a `SchemaError`.
    """
    if version not in VERSIONS:
        raise SchemaError(f"no Better Auth version {version!r}; there are: {', '.join(sorted(VERSIONS))}")
    email = Field("string", length=EMAIL_LENGTH, unique=True)
    models = {**CORE_MODELS, "user": CORE_MODELS["user"].with_fields({"email": email})}
    if version in WITH_ISSUER:
        models["user"] = models["user"].with_fields({"name": Field("string")})
        models["account"] = _account_with_issuer(models["account"])
    return _schema(models, extensions, ids, naming, BETTER_AUTH_COLUMNS)


def _account_with_issuer(account: Model) -> Model:
    fields = {}
    for name, one in account.fields.items():
        fields[name] = one
        if name == "provider_id":
            fields["issuer"] = Field("string")
    return Model(fields=fields, indexes=[Index("issuer", "account_id", unique=True)])


def authjs(*extensions: Extension, ids: IdMode = "uuid4", naming: Naming = CAMEL) -> Schema:
    """The five models of Auth.js, with `extensions` of the application added.

    Only `user` has an `id`; the others are keyed by what they hold. Auth.js writes most columns in camelCase and the
    ones that come from OAuth (`refresh_token`, `expires_at`) in snake_case; `account.expires_at` is in seconds. naming:
    `Naming(case="camel", ...)` with a deployment's own names; `case="snake"` gives snake_case names throughout.
    """
    return _schema(AUTHJS_MODELS, extensions, ids, naming, AUTHJS_COLUMNS)


def _schema(
    models: Mapping[str, Model],
    extensions: tuple[Extension, ...],
    ids: IdMode,
    naming: Naming,
    irregular: Mapping[str, str],
) -> Schema:
    """The models and extensions; `irregular` are the columns that camel case alone would call otherwise."""
    composed = compose(models, extensions)
    if naming.case == "camel":
        present = {key: column for key, column in irregular.items() if _unnamed(composed, key)}
        naming = replace(naming, columns={**present, **naming.columns})
    return Schema(composed, ids=ids, naming=naming)


def _unnamed(models: Mapping[str, Model], key: str) -> bool:
    """Whether the schema has the field `key` (model.field) and it asks for no name itself."""
    model, _, name = key.partition(".")
    return model in models and name in models[model].fields and models[model].fields[name].column is None


AUTHJS_MODELS: Final = {
    "user": Model(
        fields={
            "name": Field("string", required=False),
            "email": Field("string", length=EMAIL_LENGTH, required=False, unique=True),
            "email_verified": WHEN,
            "image": TEXT,
        }
    ),
    "account": Model(
        fields={
            "user_id": OF_USER,
            "type": Field("enum", values=("oauth", "oidc", "email", "webauthn")),
            "provider": Field("string"),
            "provider_account_id": Field("string"),
            "refresh_token": TEXT,
            "access_token": TEXT,
            "expires_at": Field("integer", required=False),
            "token_type": TEXT,
            "scope": TEXT,
            "id_token": TEXT,
            "session_state": TEXT,
        },
        primary_key=("provider", "provider_account_id"),
    ),
    "session": Model(
        fields={"session_token": Field("string"), "user_id": OF_USER, "expires": Field("datetime")},
        primary_key=("session_token",),
        expires="expires",
    ),
    "verification_token": Model(
        fields={
            "identifier": Field("string", length=EMAIL_LENGTH),
            "token": Field("string"),
            "expires": Field("datetime"),
        },
        primary_key=("identifier", "token"),
        expires="expires",
    ),
    "authenticator": Model(
        fields={
            "credential_id": Field("string", length=CREDENTIAL_ID_LENGTH, unique=True),
            "user_id": OF_USER,
            "provider_account_id": Field("string"),
            "credential_public_key": Field("text"),
            "counter": Field("integer"),
            "credential_device_type": Field("text"),
            "credential_backed_up": Field("boolean"),
            "transports": TEXT,
        },
        primary_key=("user_id", "credential_id"),
    ),
}
