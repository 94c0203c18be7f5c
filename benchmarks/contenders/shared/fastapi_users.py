"""fastapi-users' database adapters for SQLAlchemy, over the same tables."""

from datetime import datetime
from typing import Any

from fastapi_users_db_sqlalchemy import SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import SQLAlchemyAccessTokenDatabase
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from benchmarks.contenders.shared.engine import create_engine, writing
from benchmarks.contenders.shared.models import Session, User, as_record
from benchmarks.contenders.shared.protocol import Record, SignUp

UserDatabase: Any = SQLAlchemyUserDatabase
TokenDatabase: Any = SQLAlchemyAccessTokenDatabase


class FastapiUsersSqlalchemy:
    """One session per operation. Its look-up by e-mail goes by lower(email): it gets an index for that.

    On SQLite a lock keeps writers apart.
    """

    name = "fastapi-users-db"
    lacks: frozenset[str] = frozenset({"aj", "consume", "f"})
    weight = 1

    async def open(self, target: str, connections: int) -> None:
        self.engine = create_engine(target, connections)
        async with self.engine.begin() as connection:
            await connection.execute(text('CREATE INDEX bench_lower_email ON "user" (lower(email))'))
        self.session: async_sessionmaker[AsyncSession] = async_sessionmaker(self.engine, expire_on_commit=False)
        self.writing = writing(target)

    async def close(self) -> None:
        await self.engine.dispose()

    async def a2(self, token: str) -> Record | None:
        async with self.session() as session:
            found = await TokenDatabase(session, Session).get_by_token(token)
            if found is None:
                return None
            owner = await UserDatabase(session, User).get(found.user_id)
            return {**as_record(found), "user": as_record(owner)}

    async def b(self, email: str) -> Record | None:
        async with self.session() as session:
            found = await UserDatabase(session, User).get_by_email(email)
            return None if found is None else as_record(found)

    async def c(self, data: Record) -> Record:
        async with self.writing, self.session() as session:
            return as_record(await TokenDatabase(session, Session).create(data))

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        async with self.writing, self.session() as session:
            database = TokenDatabase(session, Session)
            found = await database.get_by_token(token)
            if found is None:
                return None
            return as_record(await database.update(found, {"expires_at": expires_at}))

    async def e(self, token: str) -> bool:
        async with self.writing, self.session() as session:
            database = TokenDatabase(session, Session)
            found = await database.get_by_token(token)
            if found is None:
                return False
            await database.delete(found)
            return True

    async def aj(self, token: str) -> Record | None:
        raise NotImplementedError

    async def consume(self, identifier: str) -> Record | None:
        raise NotImplementedError

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        raise NotImplementedError
