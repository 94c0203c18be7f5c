"""The four tables as Tortoise models."""

from datetime import datetime
from typing import Any, ClassVar

from tortoise import fields
from tortoise.models import Model

from benchmarks.contenders.shared.protocol import new_id, now
from benchmarks.contenders.shared.stored import moment, stored_moment


class Moment(fields.DatetimeField[datetime]):
    """An aware time. as_text: stored as the tables hold it in SQLite."""

    as_text: ClassVar[bool] = False

    def to_python_value(self, value: Any) -> datetime | None:
        return moment(value) if self.as_text and isinstance(value, str) else super().to_python_value(value)

    def to_db_value(self, value: Any, instance: Any) -> Any:
        if self.as_text:
            return stored_moment(value) if isinstance(value, datetime) else value
        return super().to_db_value(value, instance)


class User(Model):
    """user"""

    id = fields.CharField(255, primary_key=True, default=new_id)
    name = fields.CharField(255, null=True)
    email = fields.CharField(320, unique=True)
    email_verified = fields.BooleanField(default=False)
    image = fields.TextField(null=True)
    created_at: Any = Moment(default=now)
    updated_at: Any = Moment(default=now)

    class Meta:
        """Its table."""

        table = "user"


class Session(Model):
    """session"""

    id = fields.CharField(255, primary_key=True, default=new_id)
    user: Any = fields.ForeignKeyField("models.User", related_name=False, source_field="user_id")
    token = fields.CharField(255, unique=True)
    expires_at: Any = Moment()
    ip_address = fields.CharField(255, null=True)
    user_agent = fields.TextField(null=True)
    created_at: Any = Moment(default=now)
    updated_at: Any = Moment(default=now)

    class Meta:
        """Its table."""

        table = "session"


class Account(Model):
    """account"""

    id = fields.CharField(255, primary_key=True, default=new_id)
    user: Any = fields.ForeignKeyField("models.User", related_name=False, source_field="user_id")
    account_id = fields.CharField(255)
    provider_id = fields.CharField(255)
    access_token = fields.TextField(null=True)
    refresh_token = fields.TextField(null=True)
    id_token = fields.TextField(null=True)
    access_token_expires_at: Any = Moment(null=True)
    refresh_token_expires_at: Any = Moment(null=True)
    scope = fields.TextField(null=True)
    password = fields.TextField(null=True)
    created_at: Any = Moment(default=now)
    updated_at: Any = Moment(default=now)

    class Meta:
        """Its table."""

        table = "account"


class Verification(Model):
    """verification"""

    id = fields.CharField(255, primary_key=True, default=new_id)
    identifier = fields.CharField(255)
    value = fields.TextField()
    expires_at: Any = Moment()
    created_at: Any = Moment(default=now)
    updated_at: Any = Moment(default=now)

    class Meta:
        """Its table."""

        table = "verification"
