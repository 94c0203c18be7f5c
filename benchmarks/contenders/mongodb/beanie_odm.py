"""Beanie, over the same collections."""

from datetime import datetime

from beanie import Document, UpdateResponse, init_beanie
from beanie.operators import Set

from benchmarks.contenders.mongodb.beanie_models import Account, Session, SessionWithUser, User, Verification
from benchmarks.contenders.mongodb.client import client_of
from benchmarks.contenders.shared.protocol import Record, SignUp, now

PIPELINE = [
    {"$lookup": {"from": "user", "localField": "user_id", "foreignField": "_id", "as": "user"}},
    {"$unwind": "$user"},
]


class BeanieOdm:
    """On PyMongo's own pool. References are not looked after; a document is removed by finding it first."""

    name = "Beanie"
    lacks: frozenset[str] = frozenset()
    weight = 1

    async def open(self, target: str, connections: int) -> None:
        self.client = client_of(target, connections)
        await init_beanie(
            database=self.client.get_default_database(), document_models=[User, Session, Account, Verification]
        )

    async def close(self) -> None:
        await self.client.close()

    async def a2(self, token: str) -> Record | None:
        session = await Session.find_one(Session.token == token)
        if session is None:
            return None
        user = await User.get(session.user_id)
        return {**session.model_dump(), "user": None if user is None else user.model_dump()}

    async def aj(self, token: str) -> Record | None:
        found = Session.find(Session.token == token).aggregate(PIPELINE, projection_model=SessionWithUser)
        sessions = await found.to_list()
        return sessions[0].model_dump() if sessions else None

    async def b(self, email: str) -> Record | None:
        return _record(await User.find_one(User.email == email))

    async def c(self, data: Record) -> Record:
        return (await Session(**data).insert()).model_dump()

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        changes = Set({Session.expires_at: expires_at, Session.updated_at: now()})
        found = Session.find_one(Session.token == token)
        return _record(await found.update(changes, response_type=UpdateResponse.NEW_DOCUMENT))

    async def e(self, token: str) -> bool:
        removed = await Session.find_one(Session.token == token).delete()
        return removed is not None and removed.deleted_count > 0

    async def consume(self, identifier: str) -> Record | None:
        while found := await Verification.find_one(Verification.identifier == identifier):
            removed = await found.delete()
            if removed is not None and removed.deleted_count:
                return found.model_dump()
        return None

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        async with self.client.start_session() as session, await session.start_transaction():
            user = await User(**data.user).insert(session=session)
            own = {"user_id": user.id}
            account = await Account(**data.account, **own).insert(session=session)
            made = await Session(**data.session, **own).insert(session=session)
        return user.model_dump(), account.model_dump(), made.model_dump()


def _record(found: Document | None) -> Record | None:
    return None if found is None else found.model_dump()
