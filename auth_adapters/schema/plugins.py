"""What the usual plugins of auth frameworks store, as data.

Each function returns an `Extension` for `auth_schema(...)`, `better_auth(...)` or `Schema.extend(...)`. What is
indexed, unique or sorted by is a string, and so are names, roles, states and ids; all other text is of any length.
Only `device_code` has an expiry field that `purge_expired` goes by: keys and invitations are kept when they expire.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from auth_adapters.schema.core import CREATED, OF_USER, TEXT, WHEN
from auth_adapters.schema.fields import Field, Reference, Transforms, utc_now
from auth_adapters.schema.models import Extension, Index, Model

__all__ = [
    "admin",
    "anonymous",
    "api_key",
    "device_authorization",
    "jwt",
    "organization",
    "passkey",
    "phone_number",
    "rate_limit",
    "siwe",
    "two_factor",
    "username",
]

CREDENTIAL_ID_LENGTH: Final = 1_400
"""A WebAuthn credential id has up to 1,023 bytes: 1,364 characters of base64."""
SECRET_LENGTH: Final = 512
EMAIL_LENGTH: Final = 320

STRING: Final = Field("string")
OPTIONAL_STRING: Final = Field("string", required=False)
LONG: Final = Field("text")
NUMBER: Final = Field("integer")
OPTIONAL_NUMBER: Final = Field("integer", required=False)
MOMENT: Final = Field("datetime")
OPTIONAL_UPDATED: Final = Field("datetime", required=False, on_update=utc_now)
SERVER_STRING: Final = Field("string", required=False, input=False)
OF_ORGANIZATION: Final = Field("id", references=Reference(model="organization"), index=True)


def two_factor() -> Extension:
    """TOTP secrets and backup codes: the model `two_factor`, and `two_factor_enabled` of the user."""
    return Extension(
        fields={"user": {"two_factor_enabled": Field("boolean", required=False, default=False, input=False)}},
        models={
            "two_factor": Model(
                fields={
                    "secret": Field("string", length=SECRET_LENGTH, index=True, returned=False),
                    "backup_codes": Field("text", returned=False),
                    "user_id": replace(OF_USER, returned=False),
                    "verified": Field("boolean", required=False, default=True, input=False),
                    "failed_verification_count": Field(
                        "integer", required=False, default=0, input=False, returned=False
                    ),
                    "locked_until": Field("datetime", required=False, input=False, returned=False),
                }
            )
        },
    )


def passkey() -> Extension:
    """WebAuthn credentials: the model `passkey`. A credential id is stored once."""
    return Extension(
        models={
            "passkey": Model(
                fields={
                    "name": OPTIONAL_STRING,
                    "public_key": LONG,
                    "user_id": OF_USER,
                    "credential_id": Field("string", length=CREDENTIAL_ID_LENGTH, unique=True),
                    "counter": NUMBER,
                    "device_type": LONG,
                    "backed_up": Field("boolean"),
                    "transports": TEXT,
                    "created_at": WHEN,
                    "aaguid": OPTIONAL_STRING,
                }
            )
        }
    )


def organization(*, teams: bool = False, dynamic_roles: bool = False) -> Extension:
    """Organizations, their members and invitations, and the session's active organization.

    teams: the models `team` and `team_member` too, and the team of an invitation and of a session. dynamic_roles: the
    model `organization_role` too.
    """
    models = {"organization": _organization(), "member": _member(), "invitation": _invitation(teams=teams)}
    session = {"active_organization_id": SERVER_STRING}
    if teams:
        models |= {"team": _team(), "team_member": _team_member()}
        session["active_team_id"] = SERVER_STRING
    if dynamic_roles:
        models["organization_role"] = _organization_role()
    return Extension(models=models, fields={"session": session})


def _organization() -> Model:
    return Model(
        fields={
            "name": STRING,
            "slug": Field("string", unique=True),
            "logo": TEXT,
            "created_at": MOMENT,
            "metadata": TEXT,
        }
    )


def _member() -> Model:
    return Model(
        fields={
            "organization_id": OF_ORGANIZATION,
            "user_id": OF_USER,
            "role": Field("string", default="member"),
            "created_at": MOMENT,
        },
        indexes=[Index("organization_id", "user_id", unique=True)],
    )


def _invitation(*, teams: bool) -> Model:
    return Model(
        fields={
            "organization_id": OF_ORGANIZATION,
            "email": Field("string", length=EMAIL_LENGTH, index=True),
            "role": OPTIONAL_STRING,
            **({"team_id": OPTIONAL_STRING} if teams else {}),
            "status": Field("string", default="pending"),
            "expires_at": MOMENT,
            "created_at": CREATED,
            "inviter_id": OF_USER,
        }
    )


def _team() -> Model:
    return Model(
        fields={
            "name": STRING,
            "organization_id": OF_ORGANIZATION,
            "created_at": MOMENT,
            "updated_at": OPTIONAL_UPDATED,
        }
    )


def _team_member() -> Model:
    return Model(
        fields={
            "team_id": Field("id", references=Reference(model="team"), index=True),
            "user_id": OF_USER,
            "created_at": WHEN,
        }
    )


def _organization_role() -> Model:
    return Model(
        fields={
            "organization_id": OF_ORGANIZATION,
            "role": Field("string", index=True),
            "permission": LONG,
            "created_at": CREATED,
            "updated_at": OPTIONAL_UPDATED,
        }
    )


def username(*, normalize: Callable[[str], str] = str.lower) -> Extension:
    """A unique `username` of the user, and `display_username` for its spelling.

    normalize: applied to every username that is written or asked for. Two that it makes equal are one.
    """
    name = Field("string", required=False, unique=True, transforms=Transforms(input=normalize))
    return Extension(fields={"user": {"username": name, "display_username": OPTIONAL_STRING}})


def phone_number() -> Extension:
    """A unique `phone_number` of the user, and whether it is verified."""
    return Extension(
        fields={
            "user": {
                "phone_number": Field("string", required=False, unique=True),
                "phone_number_verified": Field("boolean", required=False, input=False),
            }
        }
    )


def admin() -> Extension:
    """Roles and bans of users, and who impersonates in a session."""
    return Extension(
        fields={
            "user": {
                "role": SERVER_STRING,
                "banned": Field("boolean", required=False, default=False, input=False),
                "ban_reason": Field("text", required=False, input=False),
                "ban_expires": Field("datetime", required=False, input=False),
            },
            "session": {"impersonated_by": SERVER_STRING},
        }
    )


def anonymous() -> Extension:
    """Whether a user is anonymous."""
    return Extension(fields={"user": {"is_anonymous": Field("boolean", required=False, default=False, input=False)}})


def api_key() -> Extension:
    """API keys with quotas: the model `apikey`. `reference_id` is the user or organization that owns the key."""
    enabled = Field("boolean", required=False, default=True)
    return Extension(
        models={
            "apikey": Model(
                fields={
                    "config_id": Field("string", default="default", index=True),
                    "name": OPTIONAL_STRING,
                    "start": TEXT,
                    "reference_id": Field("string", index=True),
                    "prefix": TEXT,
                    "key": Field("string", length=SECRET_LENGTH, index=True),
                    "refill_interval": OPTIONAL_NUMBER,
                    "refill_amount": OPTIONAL_NUMBER,
                    "last_refill_at": WHEN,
                    "enabled": enabled,
                    "rate_limit_enabled": enabled,
                    "rate_limit_time_window": OPTIONAL_NUMBER,
                    "rate_limit_max": OPTIONAL_NUMBER,
                    "request_count": Field("integer", required=False, default=0),
                    "remaining": OPTIONAL_NUMBER,
                    "last_request": WHEN,
                    "expires_at": WHEN,
                    "created_at": MOMENT,
                    "updated_at": MOMENT,
                    "permissions": TEXT,
                    "metadata": TEXT,
                }
            )
        }
    )


def jwt() -> Extension:
    """The key pairs that sign tokens: the model `jwks`."""
    return Extension(
        models={
            "jwks": Model(
                fields={
                    "public_key": LONG,
                    "private_key": LONG,
                    "created_at": MOMENT,
                    "expires_at": WHEN,
                    "alg": TEXT,
                    "crv": TEXT,
                }
            )
        }
    )


def device_authorization() -> Extension:
    """The OAuth device grant: the model `device_code`, which expires."""
    return Extension(
        models={
            "device_code": Model(
                fields={
                    "device_code": Field("string", unique=True),
                    "user_code": Field("string", unique=True),
                    "user_id": OPTIONAL_STRING,
                    "expires_at": MOMENT,
                    "status": STRING,
                    "last_polled_at": WHEN,
                    "polling_interval": OPTIONAL_NUMBER,
                    "client_id": OPTIONAL_STRING,
                    "scope": TEXT,
                },
                expires="expires_at",
            )
        }
    )


def siwe() -> Extension:
    """Sign-in with Ethereum: the model `wallet_address`."""
    return Extension(
        models={
            "wallet_address": Model(
                fields={
                    "user_id": OF_USER,
                    "address": STRING,
                    "chain_id": NUMBER,
                    "is_primary": Field("boolean", default=False),
                    "created_at": MOMENT,
                }
            )
        }
    )


def rate_limit() -> Extension:
    """Counters of requests, kept in the database: the model `rate_limit`. `last_request` is in milliseconds."""
    return Extension(
        models={
            "rate_limit": Model(fields={"key": Field("string", unique=True), "count": NUMBER, "last_request": NUMBER})
        }
    )
