"""The core four and the plugins, under the physical names of Better Auth."""

from collections.abc import Mapping
from typing import Any

import pytest

from auth_adapters.conformance.expect import refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import LATER, NOW, Connect, Topic, make_user, new_database
from auth_adapters.errors import InvalidValueError, UniqueViolationError
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, field
from auth_adapters.schema import plugins, presets
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema

__all__ = ["TestBetterAuth", "TestPlugins"]

USER = {"id", "name", "email", "emailVerified", "image", "createdAt", "updatedAt"}
ACCOUNT = {
    "id", "userId", "accountId", "providerId", "accessToken", "refreshToken", "idToken", "accessTokenExpiresAt",
    "refreshTokenExpiresAt", "scope", "password", "createdAt", "updatedAt",
}  # fmt: skip
SESSION = {"id", "userId", "token", "expiresAt", "ipAddress", "userAgent", "createdAt", "updatedAt"}
VERIFICATION = {"id", "identifier", "value", "expiresAt", "createdAt", "updatedAt"}


def everything(version: str) -> Schema:
    """Every plugin on top of a version of Better Auth."""
    return presets.better_auth(
        plugins.two_factor(),
        plugins.passkey(),
        plugins.organization(teams=True, dynamic_roles=True),
        plugins.username(),
        plugins.phone_number(),
        plugins.admin(),
        plugins.anonymous(),
        plugins.api_key(),
        plugins.jwt(),
        plugins.device_authorization(),
        plugins.siwe(),
        plugins.rate_limit(),
        version=version,
    )


async def columns_of(harness: Harness, database: str, table: str) -> set[str]:
    """The names of what is stored in the one row of a table; a database's own name for the id is `id`."""
    (row,) = await harness.stored(database, table)
    return {"id" if name == "_id" else name for name in row}


@pytest.mark.asyncio
class TestBetterAuth(Topic):
    """The core four and the plugins under Better Auth's names."""

    @pytest.mark.parametrize("version", ["1.4", "1.7", "1.7.3"])
    async def test_the_core_four_are_stored_under_their_names(
        self, harness: Harness, connect: Connect, version: str
    ) -> None:
        database = new_database()
        adapter = await connect(schema=presets.better_auth(version=version), database=database)
        issuer = {"issuer": "https://issuer.example.com"} if version == "1.7" else {}
        user = await make_user(adapter, name="Ada")
        await adapter.create("session", {"user_id": user["id"], "token": "t", "expires_at": LATER})
        await adapter.create("account", {"user_id": user["id"], "account_id": "1", "provider_id": "p", **issuer})
        await adapter.create("verification", {"identifier": "i", "value": "v", "expires_at": LATER})
        assert await columns_of(harness, database, "user") == USER
        assert await columns_of(harness, database, "session") == SESSION
        assert await columns_of(harness, database, "account") == ACCOUNT | set(issuer)
        assert await columns_of(harness, database, "verification") == VERIFICATION

    @pytest.mark.parametrize("version", ["1.4", "1.6.34", "1.7.3"])
    async def test_an_account_is_unique_by_provider(self, connect: Connect, version: str) -> None:
        adapter = await connect(schema=presets.better_auth(version=version))
        user = await make_user(adapter, name="Ada")
        account = {"user_id": user["id"], "account_id": "1", "provider_id": "github"}
        await adapter.create("account", account)
        with refused(UniqueViolationError, "account", "provider_id", "account_id", hiding=["github"]):
            await adapter.create("account", account)
        await adapter.create("account", {**account, "provider_id": "google"})

    @pytest.mark.parametrize("version", ["1.7", "1.7.2"])
    async def test_from_1_7_0_to_1_7_2_an_account_is_unique_by_issuer(self, connect: Connect, version: str) -> None:
        adapter = await connect(schema=presets.better_auth(version=version))
        user = await make_user(adapter, name="Ada")
        account = {"user_id": user["id"], "account_id": "1", "provider_id": "github", "issuer": "https://github.com"}
        await adapter.create("account", account)
        with refused(UniqueViolationError, "account", "issuer", "account_id", hiding=["github"]):
            await adapter.create("account", {**account, "provider_id": "other"})
        await adapter.create("account", {**account, "issuer": "https://example.com"})

    async def test_from_1_7_a_user_needs_a_name(self, connect: Connect) -> None:
        adapter = await connect(schema=presets.better_auth(version="1.7"))
        with pytest.raises(InvalidValueError, match=r"user\.name"):
            await make_user(adapter)
        assert (await make_user(await connect(schema=presets.better_auth(version="1.4"))))["name"] is None

    async def test_from_1_7_the_members_of_a_team_are_counted(self, connect: Connect) -> None:
        adapter = await connect(schema=presets.better_auth(plugins.organization(teams=True)))
        user = await make_user(adapter, name="Ada")
        organization = await adapter.create("organization", {"name": "O", "slug": "o", "created_at": NOW})
        team = await adapter.create("team", {"name": "T", "organization_id": organization["id"], "created_at": NOW})
        assert team["member_count"] == 0
        changed = await adapter.increment_one("team", field("id").eq(team["id"]), {"member_count": 1})
        assert changed is not None
        assert changed["member_count"] == 1
        member = {"team_id": team["id"], "user_id": user["id"], "membership_key": "t:ada"}
        await adapter.create("team_member", member)
        with refused(UniqueViolationError, "team_member", "membership_key", hiding=["t:ada"]):
            await adapter.create("team_member", member)

    @pytest.mark.parametrize("version", ["1.4", "1.7", "1.7.3"])
    async def test_every_plugin_at_once_stores_a_record_of_every_model(self, connect: Connect, version: str) -> None:
        schema = everything(version)
        adapter = await connect(schema=schema)
        made = await one_of_each(adapter)
        assert set(made) == set(schema.models)
        for model, record in made.items():
            assert await adapter.find_one(model, {"id": record["id"]}) == record, model
        assert await adapter.delete("user", {"id": made["user"]["id"]}) is True
        left = {model for model in schema.models if await adapter.count(model)}
        assert left == {
            "verification", "organization", "team", "organization_role", "apikey", "jwks", "device_code", "rate_limit",
        }  # fmt: skip

    async def test_plugins_are_stored_under_their_names(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(schema=everything("1.7.3"), database=database)
        await one_of_each(adapter)
        assert "credentialID" in await columns_of(harness, database, "passkey")
        assert {"organizationId", "userId", "role"} < await columns_of(harness, database, "member")
        assert {"teamId", "userId"} < await columns_of(harness, database, "teamMember")
        assert {"deviceCode", "userCode", "pollingInterval"} < await columns_of(harness, database, "deviceCode")
        assert {"backupCodes", "failedVerificationCount"} < await columns_of(harness, database, "twoFactor")
        assert {"lastRefillAt", "rateLimitTimeWindow"} < await columns_of(harness, database, "apikey")
        session = await columns_of(harness, database, "session")
        user = await columns_of(harness, database, "user")
        assert {"activeOrganizationId", "activeTeamId", "impersonatedBy"} < session
        assert {"twoFactorEnabled", "displayUsername", "phoneNumberVerified"} < user


FILLERS: Mapping[str, Any] = {"integer": 1, "boolean": True, "datetime": LATER, "float": 1.5, "json": {}, "bytes": b"x"}


async def one_of_each(adapter: Adapter) -> dict[str, dict[str, Any]]:
    """A record of every model with an `id`, its required fields filled, its references leading to the first ones."""
    made: dict[str, dict[str, Any]] = {}
    waiting = dict(adapter.schema.models)
    while waiting:
        for model in list(waiting):
            needed = {name: one for name, one in waiting[model].fields.items() if one.required and name != "id"}
            parents = {name: one.references.model for name, one in needed.items() if one.references}
            if not set(parents.values()) <= set(made):
                continue
            data = {name: FILLERS.get(one.type, f"{model}-{name}") for name, one in needed.items()}
            data |= {name: made[parent]["id"] for name, parent in parents.items()}
            made[model] = await adapter.create(model, data)
            del waiting[model]
    return made


@pytest.mark.asyncio
class TestPlugins(Topic):
    """What single plugins are for."""

    async def test_a_username_is_found_and_unique_in_any_case(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(plugins.username()))
        user = await make_user(adapter, username="Ada", display_username="Ada")
        assert (user["username"], user["display_username"]) == ("ada", "Ada")
        assert await adapter.find_one("user", {"username": "ADA"}) == user
        with refused(UniqueViolationError, "user", "username"):
            await make_user(adapter, "other@example.com", username="aDA")

    async def test_a_member_is_one_of_an_organization_once(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(plugins.organization()))
        user = await make_user(adapter)
        one = await adapter.create("organization", {"name": "One", "slug": "one", "created_at": NOW})
        data = {"organization_id": one["id"], "user_id": user["id"], "created_at": NOW}
        member = await adapter.create("member", data)
        assert member["role"] == "member"
        with refused(UniqueViolationError, "member", "organization_id", "user_id"):
            await adapter.create("member", data)
        found = await adapter.find_one("member", {"id": member["id"]}, join=["organization", "user"])
        assert found == {**member, "organization": one, "user": user}

    async def test_an_invitation_knows_its_inviter(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(plugins.organization()))
        user = await make_user(adapter)
        one = await adapter.create("organization", {"name": "One", "slug": "one", "created_at": NOW})
        data = {"organization_id": one["id"], "email": "b@example.com", "expires_at": LATER, "inviter_id": user["id"]}
        invitation = await adapter.create("invitation", data)
        join = {"inviter": Join(model="user", on="inviter_id", select=["email"])}
        found = await adapter.find_one("invitation", {"status": "pending"}, join=join)
        assert found == {**invitation, "inviter": {"email": user["email"]}}

    async def test_only_what_expires_is_purged(self, connect: Connect) -> None:
        adapter = await connect(schema=everything("1.4"))
        made = await one_of_each(adapter)
        purged = await adapter.purge_expired(now=LATER)
        assert purged == {"session": 1, "verification": 1, "device_code": 1}
        assert await adapter.find_one("invitation", {"id": made["invitation"]["id"]}) == made["invitation"]
        assert await adapter.count("apikey") == 1

    async def test_an_api_key_counts_down_to_zero(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(plugins.api_key()))
        data = {"reference_id": "u", "key": "hash", "created_at": NOW, "updated_at": NOW, "remaining": 2}
        await adapter.create("apikey", data)
        guard = field("key").eq("hash") & field("remaining").gt(0)
        counts = []
        for _ in range(3):
            used = await adapter.increment_one("apikey", guard, {"remaining": -1, "request_count": 1})
            counts.append(used and (used["remaining"], used["request_count"]))
        assert counts == [(1, 1), (0, 2), None]
