"""advanced-alchemy's repositories, over the same tables."""

from datetime import datetime
from typing import Any

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from benchmarks.contenders.shared.engine import create_engine
from benchmarks.contenders.shared.models import Account, Session, User, Verification, as_record
from benchmarks.contenders.shared.protocol import Record, SignUp

Repository: Any = SQLAlchemyAsyncRepository


class Users(Repository):  # type: ignore[misc]
    """Of users."""

    model_type = User


class Sessions(Repository):  # type: ignore[misc]
    """Of sessions."""

    model_type = Session


class Accounts(Repository):  # type: ignore[misc]
    """Of accounts."""

    model_type = Account


class Verifications(Repository):  # type: ignore[misc]
    """Of one-time tokens."""

    model_type = Verification


class AdvancedAlchemy:
    """A session and a repository per operation; `auto_commit` where it writes once."""

    name = "advanced-alchemy"
    lacks: frozenset[str] = frozenset()
    weight = 1

    async def open(self, target: str, connections: int) -> None:
        self.engine = create_engine(target, connections)
        self.session: async_sessionmaker[AsyncSession] = async_sessionmaker(self.engine, expire_on_commit=False)

    async def close(self) -> None:
        await self.engine.dispose()

    async def a2(self, token: str) -> Record | None:
        async with self.session() as session:
            found = await Sessions(session=session).get_one_or_none(token=token)
            if found is None:
                return None
            return {**as_record(found), "user": as_record(await Users(session=session).get(found.user_id))}

    async def aj(self, token: str) -> Record | None:
        async with self.session() as session:
            sessions = Sessions(session=session, load=[joinedload(Session.user)])
            found = await sessions.get_one_or_none(token=token)
            return None if found is None else {**as_record(found), "user": as_record(found.user)}

    async def b(self, email: str) -> Record | None:
        async with self.session() as session:
            found = await Users(session=session).get_one_or_none(email=email)
            return None if found is None else as_record(found)

    async def c(self, data: Record) -> Record:
        async with self.session() as session:
            return as_record(await Sessions(session=session, auto_commit=True).add(Session(**data)))

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        async with self.session() as session:
            sessions = Sessions(session=session, auto_commit=True)
            found = await sessions.get_one_or_none(token=token)
            if found is None:
                return None
            found.expires_at = expires_at
            return as_record(await sessions.update(found))

    async def e(self, token: str) -> bool:
        async with self.session() as session:
            return bool(await Sessions(session=session, auto_commit=True).delete_where(token=token))

    async def consume(self, identifier: str) -> Record | None:
        async with self.session() as session:
            verifications = Verifications(session=session, auto_commit=True)
            removed = await verifications.delete_where(identifier=identifier)
            return as_record(removed[0]) if removed else None

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        async with self.session() as session, session.begin():
            user = await Users(session=session).add(User(**data.user))
            account = await Accounts(session=session).add(Account(**data.account, user_id=user.id))
            made = await Sessions(session=session).add(Session(**data.session, user_id=user.id))
            return as_record(user), as_record(account), as_record(made)
