"""The presets and plugins, field by field, under the names that other frameworks' tables have."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from auth_adapters.errors import SchemaError
from auth_adapters.schema import MISSING, Extension, Field, Model, Naming, Schema, plugins, utc_now
from auth_adapters.schema.presets import authjs, better_auth

# One line per table and per column: type, R required or ? optional, U unique, I indexed, -> reference, D default,
# ^ set on update, -in not accepted from clients, -out not returned to them.

CORE = """
user: key(id)
user.id id R
user.name string ?
user.email string(320) R U
user.emailVerified boolean R D=False -in
user.image text ?
user.createdAt datetime R I D=now
user.updatedAt datetime R ^
session: key(id) expires(expiresAt)
session.id id R
session.userId id R I ->user.id cascade
session.token string R U
session.expiresAt datetime R I
session.ipAddress string ?
session.userAgent text ?
session.createdAt datetime R D=now
session.updatedAt datetime R ^
account: key(id) unique(providerId, accountId)
account.id id R
account.userId id R I ->user.id cascade
account.accountId string R
account.providerId string R I
account.accessToken text ? -out
account.refreshToken text ? -out
account.idToken text ? -out
account.accessTokenExpiresAt datetime ?
account.refreshTokenExpiresAt datetime ?
account.scope text ?
account.password text ? -out
account.createdAt datetime R D=now
account.updatedAt datetime R ^
verification: key(id) expires(expiresAt)
verification.id id R
verification.identifier string R I
verification.value text R
verification.expiresAt datetime R I
verification.createdAt datetime R D=now
verification.updatedAt datetime R ^
"""
ORGANIZATION = """
session.activeOrganizationId string ? -in
organization: key(id)
organization.id id R
organization.name string R
organization.slug string R U
organization.logo text ?
organization.createdAt datetime R
organization.metadata text ?
member: key(id) unique(organizationId, userId)
member.id id R
member.organizationId id R I ->organization.id cascade
member.userId id R I ->user.id cascade
member.role string R D='member'
member.createdAt datetime R
invitation: key(id)
invitation.id id R
invitation.organizationId id R I ->organization.id cascade
invitation.email string(320) R I
invitation.role string ?
invitation.status string R D='pending'
invitation.expiresAt datetime R
invitation.createdAt datetime R D=now
invitation.inviterId id R I ->user.id cascade
"""
TEAMS = """
session.activeTeamId string ? -in
invitation.teamId string ?
team: key(id)
team.id id R
team.name string R
team.organizationId id R I ->organization.id cascade
team.createdAt datetime R
team.updatedAt datetime ? ^
teamMember: key(id)
teamMember.id id R
teamMember.teamId id R I ->team.id cascade
teamMember.userId id R I ->user.id cascade
teamMember.createdAt datetime ?
"""
DYNAMIC_ROLES = """
organizationRole: key(id)
organizationRole.id id R
organizationRole.organizationId id R I ->organization.id cascade
organizationRole.role string R I
organizationRole.permission text R
organizationRole.createdAt datetime R D=now
organizationRole.updatedAt datetime ? ^
"""
TWO_FACTOR = """
user.twoFactorEnabled boolean ? D=False -in
twoFactor: key(id)
twoFactor.id id R
twoFactor.secret string(512) R I -out
twoFactor.backupCodes text R -out
twoFactor.userId id R I ->user.id cascade -out
twoFactor.verified boolean ? D=True -in
twoFactor.failedVerificationCount integer ? D=0 -in -out
twoFactor.lockedUntil datetime ? -in -out
"""
PASSKEY = """
passkey: key(id)
passkey.id id R
passkey.name string ?
passkey.publicKey text R
passkey.userId id R I ->user.id cascade
passkey.credentialID string(1400) R U
passkey.counter integer R
passkey.deviceType text R
passkey.backedUp boolean R
passkey.transports text ?
passkey.createdAt datetime ?
passkey.aaguid string ?
"""
API_KEY = """
apikey: key(id)
apikey.id id R
apikey.configId string R I D='default'
apikey.name string ?
apikey.start text ?
apikey.referenceId string R I
apikey.prefix text ?
apikey.key string(512) R I
apikey.refillInterval integer ?
apikey.refillAmount integer ?
apikey.lastRefillAt datetime ?
apikey.enabled boolean ? D=True
apikey.rateLimitEnabled boolean ? D=True
apikey.rateLimitTimeWindow integer ?
apikey.rateLimitMax integer ?
apikey.requestCount integer ? D=0
apikey.remaining integer ?
apikey.lastRequest datetime ?
apikey.expiresAt datetime ?
apikey.createdAt datetime R
apikey.updatedAt datetime R
apikey.permissions text ?
apikey.metadata text ?
"""
JWT = """
jwks: key(id)
jwks.id id R
jwks.publicKey text R
jwks.privateKey text R
jwks.createdAt datetime R
jwks.expiresAt datetime ?
jwks.alg text ?
jwks.crv text ?
"""
DEVICE = """
deviceCode: key(id) expires(expiresAt)
deviceCode.id id R
deviceCode.deviceCode string R U
deviceCode.userCode string R U
deviceCode.userId string ?
deviceCode.expiresAt datetime R
deviceCode.status string R
deviceCode.lastPolledAt datetime ?
deviceCode.pollingInterval integer ?
deviceCode.clientId string ?
deviceCode.scope text ?
"""
SIWE = """
walletAddress: key(id)
walletAddress.id id R
walletAddress.userId id R I ->user.id cascade
walletAddress.address string R
walletAddress.chainId integer R
walletAddress.isPrimary boolean R D=False
walletAddress.createdAt datetime R
"""
RATE_LIMIT = """
rateLimit: key(id)
rateLimit.id id R
rateLimit.key string R U
rateLimit.count integer R
rateLimit.lastRequest integer R
"""
USERNAME = """
user.username string ? U
user.displayUsername string ?
"""
PHONE_NUMBER = """
user.phoneNumber string ? U
user.phoneNumberVerified boolean ? -in
"""
ADMIN = """
user.role string ? -in
user.banned boolean ? D=False -in
user.banReason text ? -in
user.banExpires datetime ? -in
session.impersonatedBy string ? -in
"""
ANONYMOUS = """
user.isAnonymous boolean ? D=False -in
"""
AUTHJS = """
user: key(id)
user.id id R
user.name string ?
user.email string(320) ? U
user.emailVerified datetime ?
user.image text ?
account: key(provider, providerAccountId)
account.userId id R I ->user.id cascade
account.type enum(oauth, oidc, email, webauthn) R
account.provider string R
account.providerAccountId string R
account.refresh_token text ?
account.access_token text ?
account.expires_at integer ?
account.token_type text ?
account.scope text ?
account.id_token text ?
account.session_state text ?
session: key(sessionToken) expires(expires)
session.sessionToken string R
session.userId id R I ->user.id cascade
session.expires datetime R
verificationToken: key(identifier, token) expires(expires)
verificationToken.identifier string(320) R
verificationToken.token string R
verificationToken.expires datetime R
authenticator: key(userId, credentialID)
authenticator.credentialID string(1400) R U
authenticator.userId id R I ->user.id cascade
authenticator.providerAccountId string R
authenticator.credentialPublicKey text R
authenticator.counter integer R
authenticator.credentialDeviceType text R
authenticator.credentialBackedUp boolean R
authenticator.transports text ?
"""

PLUGINS: Mapping[str, tuple[Extension, str]] = {
    "two_factor": (plugins.two_factor(), TWO_FACTOR),
    "passkey": (plugins.passkey(), PASSKEY),
    "organization": (plugins.organization(), ORGANIZATION),
    "organization with teams": (plugins.organization(teams=True), ORGANIZATION + TEAMS),
    "organization with roles": (plugins.organization(dynamic_roles=True), ORGANIZATION + DYNAMIC_ROLES),
    "organization with all": (
        plugins.organization(teams=True, dynamic_roles=True),
        ORGANIZATION + TEAMS + DYNAMIC_ROLES,
    ),
    "username": (plugins.username(), USERNAME),
    "phone_number": (plugins.phone_number(), PHONE_NUMBER),
    "admin": (plugins.admin(), ADMIN),
    "anonymous": (plugins.anonymous(), ANONYMOUS),
    "api_key": (plugins.api_key(), API_KEY),
    "jwt": (plugins.jwt(), JWT),
    "device_authorization": (plugins.device_authorization(), DEVICE),
    "siwe": (plugins.siwe(), SIWE),
    "rate_limit": (plugins.rate_limit(), RATE_LIMIT),
}


def lines(text: str) -> set[str]:
    return set(text.strip().splitlines()) - {""}


def tables(schema: Schema) -> set[str]:
    return set(describe(schema))


def describe(schema: Schema) -> Iterator[str]:
    for name, model in schema.models.items():
        table = schema.naming.table(name, model.table)
        yield " ".join([f"{table}:", *describe_model(schema, name, model)])
        for field_name, field in model.fields.items():
            words = [field_type(field), *rules(field), *defaults(field)]
            yield f"{table}.{physical(schema, name, field_name)} {' '.join(words)}"


def physical(schema: Schema, model: str, *fields: str) -> str:
    given = schema.models[model].fields
    return ", ".join(schema.naming.column(model, field, given[field].column) for field in fields)


def describe_model(schema: Schema, name: str, model: Model) -> Iterator[str]:
    yield f"key({physical(schema, name, *model.primary_key)})"
    if model.expires:
        yield f"expires({physical(schema, name, model.expires)})"
    for index in model.indexes:
        yield f"{'unique' if index.unique else 'index'}({physical(schema, name, *index.fields)})"


def field_type(field: Field) -> str:
    inside = ", ".join(field.values) or (str(field.length) if field.length else "")
    return f"{field.type}({inside})" if inside else field.type


def rules(field: Field) -> Iterator[str]:
    yield "R" if field.required else "?"
    flags = {"U": field.unique, "I": field.index, "shadowed": field.case_insensitive}
    yield from (flag for flag, is_set in flags.items() if is_set)
    if field.references:
        yield f"->{field.references.model}.{field.references.field} {field.references.on_delete}"


def defaults(field: Field) -> Iterator[str]:
    if field.default is not MISSING:
        yield "D=now" if field.default is utc_now else f"D={field.default!r}"
    flags = {"^": field.on_update is utc_now, "-in": not field.input, "-out": not field.returned}
    yield from (flag for flag, is_set in flags.items() if is_set)


class TestBetterAuth:
    @pytest.mark.parametrize("version", ["1.4", "1.4.0", "1.5", "1.6", "1.6.34"])
    def test_the_core_four_are_those_of_its_versions_to_1_6(self, version: Any) -> None:
        assert tables(better_auth(version=version)) == lines(CORE)

    @pytest.mark.parametrize("version", ["1.7", "1.7.0", "1.7.1", "1.7.2"])
    def test_versions_1_7_0_to_1_7_2_require_a_name_and_have_an_issuer(self, version: str) -> None:
        before, after = lines(CORE), tables(better_auth(version=version))
        assert after - before == {
            "user.name string R",
            "account.issuer string R",
            "account: key(id) unique(issuer, accountId)",
        }
        assert before - after == {"user.name string ?", "account: key(id) unique(providerId, accountId)"}

    @pytest.mark.parametrize("version", ["1.7.3", "1.7.25", "1.7.100"])
    def test_versions_from_1_7_3_on_require_a_name(self, version: str) -> None:
        before, after = lines(CORE), tables(better_auth(version=version))
        assert (after - before, before - after) == ({"user.name string R"}, {"user.name string ?"})

    def test_version_1_7_3_is_the_default(self) -> None:
        assert tables(better_auth()) == tables(better_auth(version="1.7.3"))

    @pytest.mark.parametrize(
        "version", ["1.3", "1.8", "1", "", None, 1.7, "1.7.", "1.7.3.1", "2.7", "v1.7", "1.7.3-beta", " 1.7"]
    )
    def test_an_unknown_version_is_refused(self, version: Any) -> None:
        with pytest.raises(SchemaError, match=r"is one from 1\.4 to 1\.7, such as 1\.7\.3"):
            better_auth(version=version)

    @pytest.mark.parametrize("version", ["1.7", "1.7.3"])
    def test_from_1_7_on_teams_count_their_members(self, version: str) -> None:
        teams = plugins.organization(teams=True)
        without, counted = (tables(better_auth(teams, version=one)) for one in ("1.6", version))
        added = {line for line in counted - without if line.lower().startswith("team")}
        assert added == {"team.memberCount integer R D=0 -in -out", "teamMember.membershipKey string ? U -in -out"}

    def test_an_application_s_extension_changes_those_too(self) -> None:
        own = Extension(fields={"team": {"member_count": Field("integer", default=1)}})
        schema = better_auth(plugins.organization(teams=True), own)
        assert schema.model("team").fields["member_count"].default == 1

    @pytest.mark.parametrize(("extension", "added"), PLUGINS.values(), ids=PLUGINS)
    def test_a_plugin_adds_its_tables_and_columns(self, extension: Extension, added: str) -> None:
        assert tables(better_auth(extension, version="1.6")) == tables(better_auth(version="1.6")) | lines(added)

    def test_every_plugin_is_tested(self) -> None:
        assert {name.partition(" ")[0] for name in PLUGINS} == set(plugins.__all__)

    def test_all_plugins_go_together(self) -> None:
        everything = better_auth(*(extension for extension, _ in PLUGINS.values()), version="1.6")
        assert tables(everything) == lines(CORE).union(*(lines(added) for _, added in PLUGINS.values()))

    def test_an_application_s_extension_has_the_last_word(self) -> None:
        schema = better_auth(Extension(fields={"user": {"name": Field("string", length=40)}}))
        assert schema.model("user").fields["name"].length == 40

    def test_ids_are_random_unless_said_otherwise(self) -> None:
        assert (better_auth().ids, better_auth(ids="serial").ids) == ("random", "serial")

    def test_names_of_a_deployment_s_own_go_beside_the_preset_s(self) -> None:
        naming = Naming(case="camel", tables={"user": "people"}, columns={"passkey.name": "label"})
        schema = better_auth(plugins.passkey(), naming=naming)
        assert schema.naming.table("user", None) == "people"
        assert physical(schema, "passkey", "name", "credential_id") == "label, credentialID"

    def test_the_plural_adds_an_s_to_any_word(self) -> None:
        naming = Naming(case="camel", plural=True, prefix="ba_", tables={"passkey": "keys"})
        more = Extension(models={"box": Model(fields={"name": Field("string")}, table="Boxy")})
        schema = better_auth(plugins.jwt(), plugins.siwe(), plugins.passkey(), more, naming=naming)
        called = {name: schema.naming.table(name, model.table) for name, model in schema.models.items()}
        assert called == {
            "user": "ba_users",
            "session": "ba_sessions",
            "account": "ba_accounts",
            "verification": "ba_verifications",
            "jwks": "ba_jwkss",
            "wallet_address": "ba_walletAddresss",
            "passkey": "keys",
            "box": "ba_Boxys",
        }

    def test_a_deployment_s_own_name_beats_the_preset_s(self) -> None:
        naming = Naming(case="camel", columns={"passkey.credential_id": "credentialId"})
        assert physical(better_auth(plugins.passkey(), naming=naming), "passkey", "credential_id") == "credentialId"

    def test_a_field_s_own_column_beats_the_preset_s(self) -> None:
        more = Extension(fields={"passkey": {"credential_id": Field("string", unique=True, column="cred")}})
        assert physical(better_auth(plugins.passkey(), more), "passkey", "credential_id") == "cred"

    def test_snake_case_naming_is_snake_case_throughout(self) -> None:
        schema = better_auth(plugins.passkey(), naming=Naming())
        assert physical(schema, "passkey", "credential_id", "public_key") == "credential_id, public_key"


class TestAuthjs:
    def test_its_tables_and_columns(self) -> None:
        assert tables(authjs()) == lines(AUTHJS)

    def test_its_ids_are_uuids_unless_said_otherwise(self) -> None:
        assert (authjs().ids, authjs(ids="random").ids) == ("uuid4", "random")

    def test_an_application_may_add_to_it(self) -> None:
        assert tables(authjs(plugins.anonymous())) == lines(AUTHJS) | lines(ANONYMOUS)

    def test_snake_case_naming_is_snake_case_throughout(self) -> None:
        schema = authjs(naming=Naming())
        assert physical(schema, "authenticator", "user_id", "credential_id") == "user_id, credential_id"

    def test_a_deployment_s_own_names_go_beside_the_preset_s(self) -> None:
        schema = authjs(naming=Naming(case="camel", plural=True, columns={"account.id_token": "idToken"}))
        assert physical(schema, "account", "id_token", "access_token") == "idToken, access_token"
        assert schema.naming.table("verification_token", None) == "verificationTokens"
