"""The four tables as Tortoise models."""

from datetime import datetime
from typing import Any

from tortoise import fields
from tortoise.fields.base import Field
from tortoise.models import Model

from benchmarks.contenders.protocol import moment, new_id, now, stored_moment


class Moment(Field[datetime], datetime):
    """An aware time, stored as the tables of this benchmark hold it."""

    SQL_TYPE = "VARCHAR(24)"

    def to_python_value(self, value: Any) -> datetime | None:
        return moment(value) if isinstance(value, str) else value

    def to_db_value(self, value: Any, instance: Any) -> Any:
        return stored_moment(value) if isinstance(value, datetime) else value


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
