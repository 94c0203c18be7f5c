"""PyMongo's asynchronous API alone, sending the commands that auth_adapters sends."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from benchmarks.contenders.mongodb.client import client_of
from benchmarks.contenders.shared.protocol import Record, SignUp, now
from benchmarks.contenders.shared.statements import ACCOUNT, SESSION, USER, complete

TOUCHED: Final = "_auth_touched"
"""A number in a user that counts up when something is stored that refers to it, so that it is not deleted meanwhile."""
USER_OF_SESSION: Final = {
    "$lookup": {
        "from": "user",
        "localField": "user_id",
        "foreignField": "_id",
        "as": "user",
        "pipeline": [{"$limit": 1}],
    }
}


class BarePyMongo:
    """The floor: PyMongo's own pool, documents to dicts."""

    name = "PyMongo"
    lacks: frozenset[str] = frozenset()
    weight = 5

    async def open(self, target: str, connections: int) -> None:
        self.client = client_of(target, connections)
        database = self.client.get_default_database()
        self.users, self.sessions = database["user"], database["session"]
        self.accounts, self.verifications = database["account"], database["verification"]
        self.touching = self.users.with_options(write_concern=WriteConcern(w=1))

    async def close(self) -> None:
        await self.client.close()

    async def a2(self, token: str) -> Record | None:
        session = _record(await self.sessions.find_one({"token": token}))
        if session is not None:
            session["user"] = _record(await self.users.find_one({"_id": session["user_id"]}))
        return session

    async def aj(self, token: str) -> Record | None:
        cursor = await self.sessions.aggregate([{"$match": {"token": token}}, USER_OF_SESSION], allowDiskUse=True)
        found = await cursor.to_list()
        if not found:
            return None
        session = _record(found[0])
        assert session is not None
        session["user"] = _record(session["user"][0])
        return session

    async def b(self, email: str) -> Record | None:
        return _record(await self.users.find_one({"email": email}))

    async def c(self, data: Record) -> Record:
        made = complete(SESSION, data)
        await self.sessions.insert_one(_document(made))
        touched = await self.touching.update_one({"_id": made["user_id"]}, {"$inc": {TOUCHED: 1}})
        if not touched.matched_count:
            raise LookupError("there is no such user")
        return made

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        changes = {"$set": {"expires_at": expires_at, "updated_at": now()}}
        return _record(
            await self.sessions.find_one_and_update({"token": token}, changes, return_document=ReturnDocument.AFTER)
        )

    async def e(self, token: str) -> bool:
        return (await self.sessions.delete_one({"token": token})).deleted_count > 0

    async def consume(self, identifier: str) -> Record | None:
        return _record(await self.verifications.find_one_and_delete({"identifier": identifier}))

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        user = complete(USER, data.user)
        account = complete(ACCOUNT, {**data.account, "user_id": user["id"]})
        session = complete(SESSION, {**data.session, "user_id": user["id"]})
        async with (
            self.client.start_session() as transaction,
            await transaction.start_transaction(read_concern=ReadConcern("snapshot")),
        ):
            await self.users.insert_one(_document(user), session=transaction)
            await self.accounts.insert_one(_document(account), session=transaction)
            await self._touch(user["id"], transaction)
            await self.sessions.insert_one(_document(session), session=transaction)
            await self._touch(user["id"], transaction)
        return user, account, session

    async def _touch(self, user: str, transaction: AsyncClientSession) -> None:
        touched = await self.users.update_one({"_id": user}, {"$inc": {TOUCHED: 1}}, session=transaction)
        if not touched.matched_count:
            raise LookupError("there is no such user")


def _document(record: Mapping[str, Any]) -> dict[str, Any]:
    document = {"_id": record["id"], **record}
    del document["id"]
    return document


def _record(document: dict[str, Any] | None) -> Record | None:
    if document is not None:
        document["id"] = document.pop("_id")
        document.pop(TOUCHED, None)
    return document
