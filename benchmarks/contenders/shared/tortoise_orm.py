"""Tortoise ORM, over the same tables."""

from datetime import datetime
from typing import Any

from tortoise import Tortoise
from tortoise.transactions import in_transaction

from benchmarks.contenders.shared.protocol import BUSY_SECONDS, Record, SignUp, now
from benchmarks.contenders.shared.tortoise_models import Account, Moment, Session, User, Verification

SCHEMES = {"sqlite": "sqlite", "postgresql": "asyncpg", "mariadb": "mysql"}
PRAGMAS = f"journal_mode=WAL&synchronous=FULL&foreign_keys=ON&busy_timeout={BUSY_SECONDS * 1000}"


class TortoiseOrm:
    """Its own pool; on SQLite its one connection, which it shares out by itself."""

    name = "tortoise-orm"
    lacks: frozenset[str] = frozenset()
    weight = 1

    async def open(self, target: str, connections: int) -> None:
        name, _, rest = target.partition("://")
        Moment.as_text = name == "sqlite"
        options = PRAGMAS if name == "sqlite" else f"minsize={connections}&maxsize={connections}"
        await Tortoise.init(
            db_url=f"{SCHEMES[name]}://{rest.removeprefix('/') if name == 'sqlite' else rest}?{options}",
            modules={"models": ["benchmarks.contenders.shared.tortoise_models"]},
            _enable_global_fallback=True,
        )

    async def close(self) -> None:
        await Tortoise.close_connections()

    async def a2(self, token: str) -> Record | None:
        found = await Session.get_or_none(token=token)
        if found is None:
            return None
        return {**_record(found), "user": _record(await User.get(id=found.user_id))}  # type: ignore[attr-defined]

    async def aj(self, token: str) -> Record | None:
        found = await Session.get_or_none(token=token).select_related("user")
        return None if found is None else {**_record(found), "user": _record(found.user)}

    async def b(self, email: str) -> Record | None:
        found = await User.get_or_none(email=email)
        return None if found is None else _record(found)

    async def c(self, data: Record) -> Record:
        return _record(await Session.create(**data))

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        found = await Session.get_or_none(token=token)
        if found is None:
            return None
        found.expires_at, found.updated_at = expires_at, now()
        await found.save(update_fields=["expires_at", "updated_at"])
        return _record(found)

    async def e(self, token: str) -> bool:
        return await Session.filter(token=token).delete() > 0

    async def consume(self, identifier: str) -> Record | None:
        while found := await Verification.filter(identifier=identifier).first():
            if await Verification.filter(id=found.id).delete():
                return _record(found)
        return None

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        async with in_transaction() as connection:
            user = await User.create(**data.user, using_db=connection)
            account = await Account.create(**data.account, user_id=user.id, using_db=connection)
            session = await Session.create(**data.session, user_id=user.id, using_db=connection)
        return _record(user), _record(account), _record(session)


def _record(made: Any) -> Record:
    return {name: getattr(made, name) for name in made._meta.db_fields}
