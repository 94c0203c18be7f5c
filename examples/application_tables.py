"""The application's own tables beside the auth models: one engine, foreign keys to `user`, one transaction for both.

python examples/application_tables.py
"""

import asyncio
import tempfile
from pathlib import Path

from sqlalchemy import ForeignKey, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from auth_adapters import USER, auth_schema, connect
from auth_adapters.backends.sql import reference_type, sql_metadata

SCHEMA = auth_schema()


class Base(DeclarativeBase):
    """The application's models, in one metadata with the auth tables."""

    metadata = sql_metadata(SCHEMA)


class Note(Base):
    """A table of the application that refers to `user`."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[str] = mapped_column(reference_type(SCHEMA, "user"), ForeignKey("user.id", ondelete="CASCADE"))
    text: Mapped[str]


async def main() -> None:
    """Write to both in one transaction, undo another, and let a cascade reach the application's table."""
    with tempfile.TemporaryDirectory() as folder:
        engine = create_async_engine(f"sqlite+aiosqlite:///{Path(folder) / 'app.db'}")
        async with connect(engine, schema=SCHEMA) as db:
            async with engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)

            async with AsyncSession(engine) as session, session.begin():
                auth = db.bind(session)
                user = await auth.create(USER, {"email": "ada@example.com"})
                session.add(Note(author_id=user["id"], text="both are stored, or neither"))
            print("users:", await db.count(USER), "notes:", await notes(engine))

            async with AsyncSession(engine) as session:
                await db.bind(session).create(USER, {"email": "bob@example.com"})
                session.add(Note(author_id=user["id"], text="never committed"))
                await session.flush()
                await session.rollback()
            print("users:", await db.count(USER), "notes:", await notes(engine))

            await db.delete(USER, {"id": user["id"]})
            print("users:", await db.count(USER), "notes:", await notes(engine))
        await engine.dispose()


async def notes(engine: AsyncEngine) -> int:
    """How many notes there are, asked through SQLAlchemy."""
    async with AsyncSession(engine) as session:
        return await session.scalar(select(func.count()).select_from(Note)) or 0


if __name__ == "__main__":
    asyncio.run(main())
