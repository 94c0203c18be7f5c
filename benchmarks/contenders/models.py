"""The four tables as SQLAlchemy models, for the contenders that are built on it."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Dialect, ForeignKey, String, Text, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from benchmarks.contenders.protocol import BUSY_SECONDS, Record, moment, new_id, now, stored_moment


class Moment(TypeDecorator[datetime]):
    """An aware time, stored as the tables of this benchmark hold it."""

    impl = String(24)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else stored_moment(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class Base(DeclarativeBase):
    """What every model has."""

    type_annotation_map: Final = {datetime: Moment()}

    id: Mapped[str] = mapped_column(String(255), primary_key=True, default=new_id, sort_order=-1)
    created_at: Mapped[datetime] = mapped_column(default=now, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now, sort_order=2)


class User(Base):
    """user"""

    __tablename__ = "user"
    name: Mapped[str | None] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(320), unique=True)
    email_verified: Mapped[bool]
    image: Mapped[str | None] = mapped_column(Text)


class Session(Base):
    """session"""

    __tablename__ = "session"
    user_id: Mapped[str] = mapped_column(String(255), ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token: Mapped[str] = mapped_column(String(255), unique=True)
    expires_at: Mapped[datetime]
    ip_address: Mapped[str | None] = mapped_column(String(255))
    user_agent: Mapped[str | None] = mapped_column(Text)
    user: Mapped[User] = relationship(lazy="raise")


class Account(Base):
    """account"""

    __tablename__ = "account"
    user_id: Mapped[str] = mapped_column(String(255), ForeignKey("user.id", ondelete="CASCADE"), index=True)
    account_id: Mapped[str] = mapped_column(String(255))
    provider_id: Mapped[str] = mapped_column(String(255))
    access_token: Mapped[str | None] = mapped_column(Text)
    refresh_token: Mapped[str | None] = mapped_column(Text)
    id_token: Mapped[str | None] = mapped_column(Text)
    access_token_expires_at: Mapped[datetime | None]
    refresh_token_expires_at: Mapped[datetime | None]
    scope: Mapped[str | None] = mapped_column(Text)
    password: Mapped[str | None] = mapped_column(Text)


class Verification(Base):
    """verification"""

    __tablename__ = "verification"
    identifier: Mapped[str] = mapped_column(String(255), index=True)
    value: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]


def as_record(made: Any) -> Record:
    """A model instance as a record."""
    return {column.key: getattr(made, column.key) for column in made.__table__.columns}


def create_engine(target: str) -> AsyncEngine:
    """An engine with the default pool and the pragmas that all contenders have."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{target}", connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
