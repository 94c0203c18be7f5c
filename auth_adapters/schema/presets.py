"""Whole schemas under the exact physical names of other frameworks, to share tables with them.

Logical names are snake_case here as everywhere; only tables and columns are called as the framework calls them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from auth_adapters.errors import SchemaError
from auth_adapters.schema.composition import IdMode, Schema, compose
from auth_adapters.schema.core import CORE_MODELS, OF_USER, TEXT, WHEN
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Extension, Index, Model
from auth_adapters.schema.naming import Naming
from auth_adapters.schema.plugins import CREDENTIAL_ID_LENGTH, EMAIL_LENGTH

__all__ = ["authjs", "better_auth"]

KNOWN: Final = range(4, 8)
"""The minor versions of Better Auth 1 whose tables are known."""
NAMED: Final = (7, 0)
"""From this release on a user needs a name, and the members of a team are counted."""
WITH_ISSUER: Final = frozenset({(7, 0), (7, 1), (7, 2)})
TEAMS: Final = {
    "team": {"member_count": Field("integer", default=0, input=False, returned=False)},
    "team_member": {"membership_key": Field("string", required=False, unique=True, input=False, returned=False)},
}
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
    *extensions: Extension, version: str = "1.7.3", ids: IdMode = "random", naming: Naming = CAMEL
) -> Schema:
    """The core four as Better Auth stores them, with `extensions` (plugins, or the application's own) added.

    E-mail addresses are compared as they are written: Better Auth lower-cases them before it stores them, and so must
    whoever shares its tables. version: of the Better Auth that runs there, from "1.4" on, such as "1.6" or "1.7.3".
    From 1.7 on a user needs a name, `team` has a `member_count` and `team_member` a unique `membership_key`. From
    1.7.0 ("1.7" means that) to 1.7.2 an account has an `issuer`, which is unique together with `account_id`; before
    and after, `provider_id` is. naming: `Naming(case="camel", ...)` with a deployment's own names, where plural adds
    an "s" to any word, as Better Auth does; `case="snake"` gives this schema under snake_case names. An unknown version
    is a `SchemaError`.
    """
    release = _release(version)
    email = Field("string", length=EMAIL_LENGTH, unique=True)
    models = {**CORE_MODELS, "user": CORE_MODELS["user"].with_fields({"email": email})}
    if release >= NAMED:
        models["user"] = models["user"].with_fields({"name": Field("string")})
        extensions = tuple(_with_counted_teams(one) for one in extensions)
    if release in WITH_ISSUER:
        models["account"] = _account_with_issuer(models["account"])
    return _schema(models, extensions, ids, naming, BETTER_AUTH_COLUMNS, adds_s=True)


def _release(version: Any) -> tuple[int, int]:
    """The minor version, and which release of it."""
    found = re.fullmatch(r"1\.(\d{1,3})(?:\.(\d{1,3}))?", version) if isinstance(version, str) else None
    if found is None or int(found[1]) not in KNOWN:
        raise SchemaError(
            f"no Better Auth version {version!r} is known; it is one from 1.{KNOWN[0]} to 1.{KNOWN[-1]}, such as 1.7.3"
        )
    return int(found[1]), int(found[2] or 0)


def _with_counted_teams(extension: Extension) -> Extension:
    added = {name: model.with_fields(TEAMS[name]) for name, model in extension.models.items() if name in TEAMS}
    return replace(extension, models={**extension.models, **added})


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
    *,
    adds_s: bool = False,
) -> Schema:
    """The models and extensions; `irregular` are the columns that camel case alone would call otherwise.

    adds_s: so every plural is made.
    """
    composed = compose(models, extensions)
    if naming.case == "camel":
        present = {key: column for key, column in irregular.items() if _unnamed(composed, key)}
        naming = replace(naming, columns={**present, **naming.columns})
        if naming.plural and adds_s:
            single = replace(naming, plural=False)
            plurals = {name: single.table(name, model.table) + "s" for name, model in composed.items()}
            naming = replace(naming, tables={**plurals, **naming.tables})
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
