"""SQLAlchemy async Core, each statement built where it is used, as applications write it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Table, delete, insert, select, update

from benchmarks.contenders.shared.engine import create_engine, writing
from benchmarks.contenders.shared.models import Base
from benchmarks.contenders.shared.protocol import Record, SignUp

TABLES: Mapping[str, Table] = Base.metadata.tables
USER, SESSION, ACCOUNT, VERIFICATION = (TABLES[name] for name in ("user", "session", "account", "verification"))


class SqlalchemyCore:
    """A connection of the pool per operation. On SQLite a lock keeps writers apart."""

    name = "SQLAlchemy Core"
    lacks: frozenset[str] = frozenset()
    weight = 1

    async def open(self, target: str, connections: int) -> None:
        self.engine = create_engine(target, connections)
        self.writing = writing(target)

    async def close(self) -> None:
        await self.engine.dispose()

    async def _write(self, statement: Executable) -> Any:
        async with self.writing, self.engine.begin() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return None if row is None else dict(row)

    async def a2(self, token: str) -> Record | None:
        async with self.engine.connect() as connection:
            found = await connection.execute(select(SESSION).where(SESSION.c.token == token))
            row = found.mappings().one_or_none()
            if row is None:
                return None
            owner = await connection.execute(select(USER).where(USER.c.id == row["user_id"]))
            return {**row, "user": dict(owner.mappings().one())}

    async def aj(self, token: str) -> Record | None:
        statement = select(SESSION, *(column.label(f"user__{column.name}") for column in USER.c))
        statement = statement.select_from(SESSION.outerjoin(USER, SESSION.c.user_id == USER.c.id))
        async with self.engine.connect() as connection:
            row = (await connection.execute(statement.where(SESSION.c.token == token))).one_or_none()
        if row is None:
            return None
        width = len(SESSION.c)
        session = dict(zip(SESSION.c.keys(), row[:width], strict=True))
        session["user"] = dict(zip(USER.c.keys(), row[width:], strict=True))
        return session

    async def b(self, email: str) -> Record | None:
        async with self.engine.connect() as connection:
            found = await connection.execute(select(USER).where(USER.c.email == email))
            row = found.mappings().one_or_none()
        return None if row is None else dict(row)

    async def c(self, data: Record) -> Record:
        made: Record = await self._write(insert(SESSION).values(**data).returning(SESSION))
        return made

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        statement = update(SESSION).where(SESSION.c.token == token).values(expires_at=expires_at)
        changed: Record | None = await self._write(statement.returning(SESSION))
        return changed

    async def e(self, token: str) -> bool:
        async with self.writing, self.engine.begin() as connection:
            result = await connection.execute(delete(SESSION).where(SESSION.c.token == token))
            return bool(result.rowcount)

    async def consume(self, identifier: str) -> Record | None:
        one = select(VERIFICATION.c.id).where(VERIFICATION.c.identifier == identifier).limit(1)
        statement = delete(VERIFICATION).where(VERIFICATION.c.id.in_(one)).returning(VERIFICATION)
        consumed: Record | None = await self._write(statement)
        return consumed

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        async with self.writing, self.engine.begin() as connection:

            async def store(statement: Executable) -> Record:
                return dict((await connection.execute(statement)).mappings().one())

            user = await store(insert(USER).values(**data.user).returning(USER))
            own = {"user_id": user["id"]}
            account = await store(insert(ACCOUNT).values(**data.account, **own).returning(ACCOUNT))
            session = await store(insert(SESSION).values(**data.session, **own).returning(SESSION))
        return user, account, session
