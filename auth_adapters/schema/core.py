"""The four models that every auth framework needs, their types, and typed references to them."""

from datetime import datetime
from typing import Final, TypedDict

from auth_adapters.query import ModelRef
from auth_adapters.schema.composition import IdMode, Schema, compose
from auth_adapters.schema.fields import Field, Reference, utc_now
from auth_adapters.schema.models import Extension, Index, Model
from auth_adapters.schema.naming import Naming

__all__ = [
    "ACCOUNT",
    "CORE_MODELS",
    "SESSION",
    "USER",
    "VERIFICATION",
    "Account",
    "Session",
    "User",
    "Verification",
    "auth_schema",
]


class User(TypedDict):
    """A record of `user`."""

    id: str
    name: str | None
    email: str
    email_verified: bool
    image: str | None
    created_at: datetime
    updated_at: datetime


class Session(TypedDict):
    """A record of `session`."""

    id: str
    user_id: str
    token: str
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    updated_at: datetime


class Account(TypedDict):
    """A record of `account`."""

    id: str
    user_id: str
    account_id: str
    provider_id: str
    access_token: str | None
    refresh_token: str | None
    id_token: str | None
    access_token_expires_at: datetime | None
    refresh_token_expires_at: datetime | None
    scope: str | None
    password: str | None
    created_at: datetime
    updated_at: datetime


class Verification(TypedDict):
    """A record of `verification`."""

    id: str
    identifier: str
    value: str
    expires_at: datetime
    created_at: datetime
    updated_at: datetime


USER: Final[ModelRef[User]] = ModelRef("user")
SESSION: Final[ModelRef[Session]] = ModelRef("session")
ACCOUNT: Final[ModelRef[Account]] = ModelRef("account")
VERIFICATION: Final[ModelRef[Verification]] = ModelRef("verification")

CREATED: Final = Field("datetime", default=utc_now)
UPDATED: Final = Field("datetime", on_update=utc_now)
TEXT: Final = Field("text", required=False)
WHEN: Final = Field("datetime", required=False)
SECRET: Final = Field("text", required=False, returned=False)
OF_USER: Final = Field("id", references=Reference(model="user"), index=True)

CORE_MODELS: Final = {
    "user": Model(
        fields={
            "name": Field("string", required=False),
            "email": Field("string", length=320, unique=True),
            "email_verified": Field("boolean", default=False, input=False),
            "image": TEXT,
            "created_at": Field("datetime", default=utc_now, index=True),
            "updated_at": UPDATED,
        }
    ),
    "session": Model(
        fields={
            "user_id": OF_USER,
            "token": Field("string", unique=True),
            "expires_at": Field("datetime", index=True),
            "ip_address": Field("string", required=False),
            "user_agent": TEXT,
            "created_at": CREATED,
            "updated_at": UPDATED,
        },
        expires="expires_at",
    ),
    "account": Model(
        fields={
            "user_id": OF_USER,
            "account_id": Field("string"),
            "provider_id": Field("string", index=True),
            "access_token": SECRET,
            "refresh_token": SECRET,
            "id_token": SECRET,
            "access_token_expires_at": WHEN,
            "refresh_token_expires_at": WHEN,
            "scope": TEXT,
            "password": SECRET,
            "created_at": CREATED,
            "updated_at": UPDATED,
        },
        indexes=[Index("provider_id", "account_id", unique=True)],
    ),
    "verification": Model(
        fields={
            "identifier": Field("string", index=True),
            "value": Field("text"),
            "expires_at": Field("datetime", index=True),
            "created_at": CREATED,
            "updated_at": UPDATED,
        },
        expires="expires_at",
    ),
}


def auth_schema(*extensions: Extension, ids: IdMode = "random", naming: Naming | None = None) -> Schema:
    """The core four with `extensions` (plugins, or models and fields of the application) added."""
    return Schema(compose(CORE_MODELS, extensions), ids=ids, naming=naming or Naming())
