"""An auth flow on SQLite from sign-up to purge, and what is stored at the end.

    python examples/auth_flow.py [file]

`file` is where to put the database, which must not be there yet; in a temporary folder, which is removed in the end,
unless given.
"""

import asyncio
import hashlib
import secrets
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from auth_adapters import (
    ACCOUNT,
    SESSION,
    USER,
    VERIFICATION,
    Adapter,
    Session,
    UniqueViolationError,
    User,
    auth_schema,
    connect,
    field,
    utc_now,
)
from auth_adapters.schema.plugins import rate_limit

HOUR = timedelta(hours=1)


def say(step: str, outcome: str) -> None:
    """One line of the story."""
    print(f"  {step:<22}{outcome}")


def hashed(password: str) -> str:
    """A password as it may be stored: scrypt with a salt of its own."""
    salt = secrets.token_bytes(16)
    return salt.hex() + ":" + hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1).hex()


async def sign_up(db: Adapter, email: str, password: str) -> User:
    """A user and the account that it signs in with: both or neither."""
    secret = await asyncio.to_thread(hashed, password)  # before the transaction, which should be short
    async with db.transaction() as tx:
        user = await tx.create(USER, {"email": email, "name": "Ada"})
        await tx.create(
            ACCOUNT,
            {
                "user_id": user["id"],
                "provider_id": "credential",
                "account_id": user["id"],
                "password": secret,
            },
        )
    return user


async def sign_in(db: Adapter, user: User) -> Session:
    """A session for a week."""
    return await db.create(
        SESSION,
        {"user_id": user["id"], "token": secrets.token_urlsafe(32), "expires_at": utc_now() + 7 * 24 * HOUR},
    )


async def who_is_it(db: Adapter, token: str) -> str | None:
    """The e-mail address behind a session's token: the session and its user in one statement."""
    alive = field("token").eq(token) & field("expires_at").gt(utc_now())
    found = await db.find_one("session", alive, join=["user"])
    return found["user"]["email"] if found else None


async def verify_email(db: Adapter, user: User) -> None:
    """A one-time token that two requests present at the same moment: one of them wins."""
    token = secrets.token_urlsafe(16)
    key = {"identifier": f"verify:{user['email']}", "value": token}
    await db.create(VERIFICATION, {**key, "expires_at": utc_now() + HOUR})
    answers = await asyncio.gather(*(db.consume_one(VERIFICATION, key) for _ in range(20)))
    winners = sum(answer is not None for answer in answers)
    await db.update(USER, {"id": user["id"]}, {"email_verified": True})
    say("one-time token", f"20 requests present it at once, {winners} of them wins")


async def rotate(db: Adapter, session: Session) -> Session | None:
    """A new token for the same session; the old one is worth nothing from that moment on."""
    return await db.update(SESSION, {"token": session["token"]}, {"token": secrets.token_urlsafe(32)})


async def allowed(db: Adapter, key: str, limit: int) -> bool:
    """Count an attempt, unless the limit is reached: one atomic step, exact under any load."""
    now = int(utc_now().timestamp() * 1000)
    await db.upsert("rate_limit", {"key": key, "count": 0, "last_request": now}, on=["key"], changes={})
    guard = field("key").eq(key) & field("count").lt(limit)
    return await db.increment_one("rate_limit", guard, {"count": 1}, {"last_request": now}) is not None


async def story(db: Adapter) -> None:
    """Everything in turn."""
    await db.create_tables()
    user = await sign_up(db, "ada@example.com", "correct horse")
    say("sign-up", f"user {user['id'][:8]}... and its account, in one transaction")
    try:
        await sign_up(db, "ada@example.com", "another one")
    except UniqueViolationError as error:
        say("sign-up again", f"{type(error).__name__}: model={error.model}, fields={error.fields}")
    session = await sign_in(db, user)
    say("session", f"token {session['token'][:6]}..., {await who_is_it(db, session['token'])} by one join")
    await verify_email(db, user)
    fresh = await rotate(db, session)
    assert fresh is not None
    old, new = await who_is_it(db, session["token"]), await who_is_it(db, fresh["token"])
    say("session rotation", f"the old token finds {old}, the new one {new}")
    attempts = await asyncio.gather(*(allowed(db, "sign-in:127.0.0.1", 5) for _ in range(30)))
    say("rate limit", f"30 attempts at once against a limit of 5: {sum(attempts)} allowed")
    await db.create(SESSION, {"user_id": user["id"], "token": "long-gone", "expires_at": utc_now() - HOUR})
    say("expiry purge", f"removed {await db.purge_expired()}")


def show(path: Path) -> None:
    """What the database file holds, read past the adapter."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        for table in ("user", "account", "session", "verification", "rate_limit"):
            rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
            print(f"\n  {table}: {len(rows)} row{'' if len(rows) == 1 else 's'}")
            for row in rows:
                for column in row.keys():  # noqa: SIM118  (a row iterates over its values)
                    value = row[column]
                    shown = f"{value[:16]}... ({len(value)} characters)" if len(str(value)) > 40 else repr(value)
                    print(f"    {column:<26}{shown}")


async def tell(path: Path) -> None:
    """The story, on a new file."""
    async with connect(path, schema=auth_schema(rate_limit())) as db:
        await story(db)


def main(target: str | None = None) -> None:
    """Run the story and show what is stored."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(target or Path(folder) / "auth.db")
        if path.exists():
            sys.exit(f"{path} is there already: name a file that is not")
        print(f"An auth flow on SQLite ({path}{'' if target else ', removed in the end'}):\n")
        asyncio.run(tell(path))
        print("\nWhat is stored:")
        show(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
