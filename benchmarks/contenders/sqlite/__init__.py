"""SQLite: a file for each contender."""

from typing import Final

from benchmarks.contenders.database import OURS, Database

SQLITE: Final = Database(
    key="sqlite",
    title="SQLite",
    contenders={
        "sqlite3": "sqlite.sqlite_sync:SynchronousSqlite",
        "aiosqlite": "sqlite.aiosqlite_direct:AiosqliteDirect",
        "core": "shared.sqlalchemy_core:SqlalchemyCore",
        "orm": "shared.sqlalchemy_orm:SqlalchemyOrm",
        "fastapi-users": "shared.fastapi_users:FastapiUsersSqlalchemy",
        "tortoise": "shared.tortoise_orm:TortoiseOrm",
        OURS: "shared.ours:Ours",
    },
    floor="sqlite3",
    direct="aiosqlite",
    goals={1: 0.7, 32: 0.4},
    place="sqlite:SqlitePlace",
    packages=("aiosqlite", "sqlalchemy", "fastapi-users-db-sqlalchemy", "tortoise-orm"),
    server=False,
)
