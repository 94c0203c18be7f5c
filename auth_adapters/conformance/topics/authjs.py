"""The schema of Auth.js: what its adapter methods need, and every verb on keys of several fields."""

from typing import Any

import pytest

from auth_adapters.conformance.expect import needs, refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import EARLIER, LATER, NOW, Connect, Topic, new_database
from auth_adapters.conformance.topics.presets import columns_of
from auth_adapters.errors import (
    ForeignKeyViolationError,
    InvalidQueryError,
    InvalidValueError,
    UniqueViolationError,
)
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, field
from auth_adapters.schema import presets

__all__ = ["TestAuthJs", "TestCompositeKeys"]

NOBODY = "0190b6a4-8d5e-4c3a-9f01-23456789abcd"
KEY = {"provider": "github", "provider_account_id": "1"}


def account_of(user: dict[str, Any], **data: Any) -> dict[str, Any]:
    """Make the data of an account."""
    return {**KEY, "user_id": user["id"], "type": "oauth", **data}


def authenticator_of(user: dict[str, Any], **data: Any) -> dict[str, Any]:
    """Make the data of an authenticator."""
    return {
        "user_id": user["id"],
        "credential_id": "credential",
        "provider_account_id": "1",
        "credential_public_key": "key",
        "counter": 0,
        "credential_device_type": "singleDevice",
        "credential_backed_up": False,
        **data,
    }


async def open_authjs(connect: Connect, database: str | None = None) -> tuple[Adapter, dict[str, Any]]:
    """Open an adapter over the schema, with a user."""
    adapter = await connect(schema=presets.authjs(), database=database)
    return adapter, await adapter.create("user", {"email": "ada@example.com", "email_verified": NOW})


@pytest.mark.asyncio
class TestAuthJs(Topic):
    """The methods of an Auth.js adapter, one by one."""

    async def test_the_five_models_are_stored_under_their_names(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter, user = await open_authjs(connect, database)
        await adapter.create("account", account_of(user, refresh_token="r", expires_at=1, session_state="s"))
        await adapter.create("session", {"session_token": "t", "user_id": user["id"], "expires": LATER})
        await adapter.create("verification_token", {"identifier": "i", "token": "t", "expires": LATER})
        await adapter.create("authenticator", authenticator_of(user))
        assert await columns_of(harness, database, "user") == {"id", "name", "email", "emailVerified", "image"}
        account = await columns_of(harness, database, "account")
        assert {"userId", "type", "provider", "providerAccountId", "refresh_token", "access_token"} < account
        assert {"expires_at", "token_type", "scope", "id_token", "session_state"} < account
        session = await columns_of(harness, database, "session")
        assert {"sessionToken", "userId", "expires"} <= session
        assert {"identifier", "token", "expires"} <= await columns_of(harness, database, "verificationToken")
        authenticator = await columns_of(harness, database, "authenticator")
        assert {"credentialID", "credentialPublicKey", "credentialDeviceType", "credentialBackedUp"} < authenticator

    async def test_get_user(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        assert await adapter.find_one("user", {"id": user["id"]}) == user
        assert await adapter.find_one("user", {"id": NOBODY}) is None
        assert await adapter.find_one("user", {"id": "not a uuid"}) is None

    async def test_get_user_by_email(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        assert await adapter.find_one("user", {"email": "ada@example.com"}) == user
        assert await adapter.find_one("user", {"email": "nobody@example.com"}) is None

    async def test_users_without_an_email_address_do_not_collide(self, connect: Connect) -> None:
        adapter, _ = await open_authjs(connect)
        await adapter.create("user", {"name": "one"})
        await adapter.create("user", {"name": "two"})
        assert await adapter.count("user", {"email": None}) == 2

    async def test_get_user_by_account(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        await adapter.create("account", account_of(user))
        found = await adapter.find_one("account", KEY, join=["user"], select=[])
        assert found == {"user": user}
        assert await adapter.find_one("account", {**KEY, "provider_account_id": "2"}, join=["user"]) is None

    async def test_update_user_changes_what_is_given_only(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        assert await adapter.update("user", {"id": user["id"]}, {"name": "Ada"}) == {**user, "name": "Ada"}

    async def test_delete_user_deletes_what_belongs_to_it(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        await adapter.create("account", account_of(user))
        await adapter.create("session", {"session_token": "t", "user_id": user["id"], "expires": LATER})
        await adapter.create("authenticator", authenticator_of(user))
        assert await adapter.delete("user", {"id": user["id"]}) is True
        assert [await adapter.count(model) for model in ("account", "session", "authenticator")] == [0, 0, 0]
        assert await adapter.delete("user", {"id": user["id"]}) is False

    async def test_link_account_once(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        tokens = {"access_token": "a" * 8_192, "id_token": "i" * 8_192, "expires_at": 1_767_225_600}
        account = await adapter.create("account", account_of(user, **tokens))
        assert await adapter.find_one("account", KEY) == account
        with refused(UniqueViolationError, "account", "provider", "provider_account_id", hiding=["github"]):
            await adapter.create("account", account_of(user))
        await adapter.create("account", account_of(user, provider_account_id="2"))

    async def test_unlink_account(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        await adapter.create("account", account_of(user))
        assert await adapter.delete("account", {**KEY, "provider": "google"}) is False
        assert await adapter.delete("account", KEY) is True
        assert await adapter.delete("account", KEY) is False

    async def test_get_session_and_user(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter, user = await open_authjs(connect, database)
        session = await adapter.create("session", {"session_token": "t", "user_id": user["id"], "expires": LATER})
        before = harness.statements(database)
        assert await adapter.find_one("session", {"session_token": "t"}, join=["user"]) == {**session, "user": user}
        after = harness.statements(database)
        if before is not None and after is not None:
            assert after - before <= (1 if adapter.capabilities.native_joins else 2)
        assert await adapter.find_one("session", {"session_token": "u"}, join=["user"]) is None

    async def test_update_session(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        session = await adapter.create("session", {"session_token": "t", "user_id": user["id"], "expires": NOW})
        updated = await adapter.update("session", {"session_token": "t"}, {"expires": LATER})
        assert updated == {**session, "expires": LATER}
        assert await adapter.update("session", {"session_token": "u"}, {"expires": LATER}) is None

    async def test_delete_session(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        session = await adapter.create("session", {"session_token": "t", "user_id": user["id"], "expires": LATER})
        assert await adapter.consume_one("session", {"session_token": "t"}) == session
        assert await adapter.delete("session", {"session_token": "t"}) is False

    async def test_a_verification_token_is_used_once(self, connect: Connect) -> None:
        adapter, _ = await open_authjs(connect)
        key = {"identifier": "ada@example.com", "token": "hash"}
        token = await adapter.create("verification_token", {**key, "expires": LATER})
        await adapter.create("verification_token", {**key, "token": "other", "expires": LATER})
        assert await adapter.consume_one("verification_token", key) == token
        assert await adapter.consume_one("verification_token", key) is None
        assert await adapter.count("verification_token") == 1

    async def test_a_verification_token_is_one_of_its_identifier(self, connect: Connect) -> None:
        adapter, _ = await open_authjs(connect)
        for identifier, token in (("a", "1"), ("a", "2"), ("b", "1")):
            data = {"identifier": identifier, "token": token, "expires": LATER}
            await adapter.create("verification_token", data)
            with refused(UniqueViolationError, "verification_token", "identifier", "token"):
                await adapter.create("verification_token", data)
        assert await adapter.count("verification_token") == 3

    async def test_authenticators_are_listed_and_none_for_an_unknown_user(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        made = [await adapter.create("authenticator", authenticator_of(user, credential_id=one)) for one in "ab"]
        assert await adapter.find_many("authenticator", {"user_id": user["id"]}) == made
        assert await adapter.find_many("authenticator", {"user_id": NOBODY}) == []
        assert await adapter.find_many("authenticator", {"user_id": "nobody"}) == []
        assert await adapter.find_one("authenticator", {"credential_id": "b"}) == made[1]

    async def test_a_credential_belongs_to_one_user(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        other = await adapter.create("user", {})
        await adapter.create("authenticator", authenticator_of(user))
        with refused(UniqueViolationError, "authenticator", "credential_id"):
            await adapter.create("authenticator", authenticator_of(other))

    async def test_the_counter_of_an_authenticator_is_set_and_a_miss_shows(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        made = await adapter.create("authenticator", authenticator_of(user))
        updated = await adapter.update("authenticator", {"credential_id": "credential"}, {"counter": 7})
        assert updated == {**made, "counter": 7}
        assert await adapter.update("authenticator", {"credential_id": "x"}, {"counter": 8}) is None

    async def test_expired_sessions_and_tokens_are_purged(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        for at, expires in enumerate((EARLIER, NOW, LATER)):
            await adapter.create("session", {"session_token": f"{at}", "user_id": user["id"], "expires": expires})
            await adapter.create("verification_token", {"identifier": "i", "token": f"{at}", "expires": expires})
        assert await adapter.purge_expired(now=NOW, batch=1) == {"session": 2, "verification_token": 2}

    @needs("transactions")
    async def test_a_user_and_its_account_are_created_together(self, connect: Connect) -> None:
        adapter, _ = await open_authjs(connect)
        async with adapter.transaction() as tx:
            user = await tx.create("user", {"email": "new@example.com"})
            await tx.create("account", account_of(user))
        assert await adapter.count("account", {"user_id": user["id"]}) == 1


@pytest.mark.asyncio
class TestCompositeKeys(Topic):
    """Every verb on a model whose primary key has two fields."""

    async def accounts(self, connect: Connect) -> tuple[Adapter, list[dict[str, Any]]]:
        """Three accounts of one user, in the order of their keys."""
        adapter, user = await open_authjs(connect)
        keys = [("a", "2"), ("b", "1"), ("b", "2")]
        rows = [account_of(user, provider=one, provider_account_id=other, expires_at=1) for one, other in keys]
        return adapter, [await adapter.create("account", row) for row in reversed(rows)][::-1]

    async def test_the_record_has_no_id(self, connect: Connect) -> None:
        _, (first, *_) = await self.accounts(connect)
        assert "id" not in first

    async def test_a_missing_part_of_the_key_is_refused(self, connect: Connect) -> None:
        adapter, user = await open_authjs(connect)
        for data in ({"provider": "a"}, {"provider": "a", "provider_account_id": None}):
            with pytest.raises(InvalidValueError, match=r"account\.provider_account_id"):
                await adapter.create("account", {**data, "user_id": user["id"], "type": "oauth"})
        assert await adapter.count("account") == 0

    async def test_one_part_alone_finds_several(self, connect: Connect) -> None:
        adapter, (_, second, third) = await self.accounts(connect)
        assert await adapter.find_many("account", {"provider": "b"}) == [second, third]
        assert await adapter.count("account", field("provider_account_id").eq("2")) == 2

    async def test_records_come_in_the_order_of_the_key(self, connect: Connect) -> None:
        adapter, accounts = await self.accounts(connect)
        assert await adapter.find_many("account") == accounts
        assert await adapter.find_many("account", sort=["type"]) == accounts
        by_second = await adapter.find_many("account", sort=["-provider_account_id"])
        assert by_second == [accounts[0], accounts[2], accounts[1]]

    async def test_pages_follow_the_key(self, connect: Connect) -> None:
        adapter, accounts = await self.accounts(connect)
        assert await adapter.find_many("account", after=accounts[0]) == accounts[1:]
        assert await adapter.find_many("account", after=["b", "1"]) == accounts[2:]
        assert await adapter.find_many("account", sort=["-type"], after=["oauth", "a", "2"], limit=1) == [accounts[1]]
        assert [one async for one in adapter.iterate("account", select=["type"], batch=1)] == [{"type": "oauth"}] * 3
        with pytest.raises(InvalidQueryError, match="after"):
            await adapter.find_many("account", after=["b"])

    async def test_update_changes_the_one_record(self, connect: Connect) -> None:
        adapter, (first, second, third) = await self.accounts(connect)
        updated = await adapter.update("account", {"provider": "b", "provider_account_id": "1"}, {"scope": "s"})
        assert updated == {**second, "scope": "s"}
        assert await adapter.find_many("account", {"scope": None}) == [first, third]

    async def test_no_part_of_the_key_changes(self, connect: Connect) -> None:
        adapter, accounts = await self.accounts(connect)
        for changes in ({"provider": "c"}, {"provider_account_id": "9", "scope": "s"}, {"provider": "b"}):
            with pytest.raises(InvalidQueryError, match="primary key"):
                await adapter.update("account", {"provider": "b"}, changes)
            with pytest.raises(InvalidQueryError, match="primary key"):
                await adapter.update_many("account", {"provider": "b"}, changes)
        assert await adapter.find_many("account") == accounts

    async def test_update_one_of_several_changes_one(self, connect: Connect) -> None:
        adapter, _ = await self.accounts(connect)
        assert await adapter.update("account", {"provider": "b"}, {"scope": "s"}) is not None
        assert await adapter.count("account", {"scope": "s"}) == 1
        assert await adapter.update_many("account", {"provider": "b"}, {"scope": "t"}) == 2

    async def test_delete_one_of_several_deletes_one(self, connect: Connect) -> None:
        adapter, _ = await self.accounts(connect)
        assert await adapter.delete("account", {"provider": "b"}) is True
        assert await adapter.count("account", {"provider": "b"}) == 1
        assert await adapter.delete_many("account", {"provider_account_id": "2"}) in (1, 2)
        assert await adapter.count("account", {"provider_account_id": "2"}) == 0

    async def test_consume_takes_each_once(self, connect: Connect) -> None:
        adapter, _ = await self.accounts(connect)
        taken = [await adapter.consume_one("account", {"provider": "b"}) for _ in range(3)]
        assert sorted(one["provider_account_id"] for one in taken if one) == ["1", "2"]
        assert taken[2] is None

    async def test_increment_changes_one(self, connect: Connect) -> None:
        adapter, (_, second, _) = await self.accounts(connect)
        key = {"provider": "b", "provider_account_id": "1"}
        assert await adapter.increment_one("account", key, {"expires_at": 5}) == {**second, "expires_at": 6}
        assert await adapter.count("account", {"expires_at": 1}) == 2
        assert await adapter.increment_one("account", {"provider": "b"}, {"expires_at": 5}) is not None

    async def test_upsert_goes_by_the_key(self, connect: Connect) -> None:
        adapter, (first, *_) = await self.accounts(connect)
        user = {"id": first["user_id"]}
        on = ["provider", "provider_account_id"]
        data = account_of(user, provider="a", provider_account_id="2", scope="s")
        assert await adapter.upsert("account", data, on=on) == ({**first, "scope": "s"}, False)
        assert await adapter.upsert("account", data, on=on[::-1], changes={}) == ({**first, "scope": "s"}, False)
        record, created = await adapter.upsert("account", {**data, "provider_account_id": "3"}, on=on)
        assert created
        assert record["provider_account_id"] == "3"
        with pytest.raises(InvalidQueryError, match="unique key"):
            await adapter.upsert("account", data, on=["provider"])

    async def test_joins_go_by_the_reference(self, connect: Connect) -> None:
        adapter, accounts = await self.accounts(connect)
        join = {"accounts": Join(model="account", sort=["-provider"], limit=2)}
        (user,) = await adapter.find_many("user", join=join)
        assert user["accounts"] == accounts[1:]

    async def test_a_reference_in_a_key_is_checked(self, connect: Connect) -> None:
        adapter, _ = await open_authjs(connect)
        with refused(ForeignKeyViolationError, "authenticator", "user_id"):
            await adapter.create("authenticator", authenticator_of({"id": NOBODY}))
        with pytest.raises(InvalidValueError, match=r"authenticator\.user_id"):
            await adapter.create("authenticator", authenticator_of({"id": "nobody"}))
