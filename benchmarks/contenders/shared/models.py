"""The four tables as SQLAlchemy models, for the contenders that are built on it."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, ForeignKey, String, Text
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from benchmarks.contenders.shared.protocol import Record, new_id, now
from benchmarks.contenders.shared.stored import moment, stored_moment


class TextMoment(TypeDecorator[datetime]):
    """An aware time, stored as the tables hold it in SQLite."""

    impl = String(24)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else stored_moment(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment(value)


class UtcMoment(TypeDecorator[datetime]):
    """An aware time, stored without its offset, as MariaDB does."""

    impl = DATETIME(fsp=6)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


MOMENT: Final = (
    DateTime(timezone=True).with_variant(TextMoment(), "sqlite").with_variant(UtcMoment(), "mysql", "mariadb")
)


class Base(DeclarativeBase):
    """What every model has."""

    type_annotation_map: Final = {datetime: MOMENT}

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
