"""SQLAlchemy's async ORM, one session per operation, as web applications have one per request."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import joinedload

from benchmarks.contenders.shared.engine import create_engine, writing
from benchmarks.contenders.shared.models import Account, Session, User, Verification, as_record
from benchmarks.contenders.shared.protocol import Record, SignUp


class SqlalchemyOrm:
    """Queries, unit of work, commit. On SQLite a lock keeps writers apart."""

    name = "SQLAlchemy ORM"
    lacks: frozenset[str] = frozenset()
    weight = 1

    async def open(self, target: str, connections: int) -> None:
        self.engine = create_engine(target, connections)
        self.session = async_sessionmaker(self.engine, expire_on_commit=False)
        self.writing = writing(target)

    async def close(self) -> None:
        await self.engine.dispose()

    async def a2(self, token: str) -> Record | None:
        async with self.session() as session:
            found = await session.scalar(select(Session).where(Session.token == token))
            if found is None:
                return None
            owner = await session.get_one(User, found.user_id)
            return {**as_record(found), "user": as_record(owner)}

    async def aj(self, token: str) -> Record | None:
        statement = select(Session).where(Session.token == token).options(joinedload(Session.user))
        async with self.session() as session:
            found = await session.scalar(statement)
            return None if found is None else {**as_record(found), "user": as_record(found.user)}

    async def b(self, email: str) -> Record | None:
        async with self.session() as session:
            found = await session.scalar(select(User).where(User.email == email))
            return None if found is None else as_record(found)

    async def c(self, data: Record) -> Record:
        async with self.writing, self.session() as session:
            made = Session(**data)
            session.add(made)
            await session.commit()
            return as_record(made)

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        async with self.writing, self.session() as session:
            found = await session.scalar(select(Session).where(Session.token == token))
            if found is None:
                return None
            found.expires_at = expires_at
            await session.commit()
            return as_record(found)

    async def e(self, token: str) -> bool:
        async with self.writing, self.session() as session:
            found = await session.scalar(select(Session).where(Session.token == token))
            if found is None:
                return False
            await session.delete(found)
            await session.commit()
            return True

    async def consume(self, identifier: str) -> Record | None:
        one = select(Verification.id).where(Verification.identifier == identifier).limit(1)
        statement = delete(Verification).where(Verification.id.in_(one.scalar_subquery())).returning(Verification)
        options = {"synchronize_session": False}
        async with self.writing, self.session() as session:
            consumed = (await session.scalars(statement, execution_options=options)).one_or_none()
            found = None if consumed is None else as_record(consumed)
            await session.commit()
            return found

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        async with self.writing, self.session() as session, session.begin():
            user = User(**data.user)
            session.add(user)
            await session.flush()
            made = Account(**data.account, user_id=user.id), Session(**data.session, user_id=user.id)
            session.add_all(made)
            await session.flush()
            return as_record(user), as_record(made[0]), as_record(made[1])
