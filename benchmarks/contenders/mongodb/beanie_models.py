"""The four collections as Beanie documents. Their indexes are there already."""

from datetime import datetime

from beanie import Document
from pydantic import BaseModel, Field

from benchmarks.contenders.shared.protocol import new_id, now


class User(Document):
    """user"""

    id: str = Field(default_factory=new_id)  # type: ignore[assignment]  (Beanie's own is an ObjectId)
    name: str | None = None
    email: str
    email_verified: bool = False
    image: str | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        """Its collection."""

        name = "user"


class Session(Document):
    """session"""

    id: str = Field(default_factory=new_id)  # type: ignore[assignment]
    user_id: str
    token: str
    expires_at: datetime
    ip_address: str | None = None
    user_agent: str | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        """Its collection."""

        name = "session"


class Account(Document):
    """account"""

    id: str = Field(default_factory=new_id)  # type: ignore[assignment]
    user_id: str
    account_id: str
    provider_id: str
    access_token: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None
    access_token_expires_at: datetime | None = None
    refresh_token_expires_at: datetime | None = None
    scope: str | None = None
    password: str | None = None
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        """Its collection."""

        name = "account"


class Verification(Document):
    """verification"""

    id: str = Field(default_factory=new_id)  # type: ignore[assignment]
    identifier: str
    value: str
    expires_at: datetime
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    class Settings:
        """Its collection."""

        name = "verification"


class UserOfSession(BaseModel):
    """A user, as a `$lookup` finds it."""

    id: str = Field(alias="_id")
    name: str | None
    email: str
    email_verified: bool
    image: str | None
    created_at: datetime
    updated_at: datetime


class SessionWithUser(BaseModel):
    """A session and its user."""

    id: str = Field(alias="_id")
    user_id: str
    token: str
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    updated_at: datetime
    user: UserOfSession
