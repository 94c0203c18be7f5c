"""SQLAlchemy where no UPDATE returns anything, and a DELETE stops at its LIMIT."""

from datetime import datetime

from sqlalchemy import delete, select, update

from benchmarks.contenders.shared.models import Verification, as_record
from benchmarks.contenders.shared.protocol import Record
from benchmarks.contenders.shared.sqlalchemy_core import SESSION, VERIFICATION, SqlalchemyCore
from benchmarks.contenders.shared.sqlalchemy_orm import SqlalchemyOrm

ONE = {"mysql_limit": 1, "mariadb_limit": 1}


class MariadbCore(SqlalchemyCore):
    """An update and the row as it is then, in one transaction."""

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        async with self.engine.begin() as connection:
            await connection.execute(update(SESSION).where(SESSION.c.token == token).values(expires_at=expires_at))
            found = await connection.execute(select(SESSION).where(SESSION.c.token == token))
            row = found.mappings().one_or_none()
        return None if row is None else dict(row)

    async def consume(self, identifier: str) -> Record | None:
        statement = delete(VERIFICATION).where(VERIFICATION.c.identifier == identifier)
        consumed: Record | None = await self._write(statement.with_dialect_options(**ONE).returning(VERIFICATION))
        return consumed


class MariadbOrm(SqlalchemyOrm):
    """The unit of work updates by itself; it reads the row before."""

    async def consume(self, identifier: str) -> Record | None:
        statement = delete(Verification).where(Verification.identifier == identifier)
        statement = statement.with_dialect_options(**ONE)
        options = {"synchronize_session": False}
        async with self.session() as session:
            removed = await session.scalars(statement.returning(Verification), execution_options=options)
            consumed = removed.one_or_none()
            found = None if consumed is None else as_record(consumed)
            await session.commit()
            return found
