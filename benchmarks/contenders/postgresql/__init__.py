"""PostgreSQL: a database of one server for each contender."""

from typing import Final

from benchmarks.contenders.database import OURS, Database

POSTGRESQL: Final = Database(
    key="postgresql",
    title="PostgreSQL",
    contenders={
        "asyncpg": "postgresql.asyncpg_bare:BareAsyncpg",
        "asyncpg-pool": "postgresql.asyncpg_pool:AsyncpgPool",
        "core": "shared.sqlalchemy_core:SqlalchemyCore",
        "orm": "shared.sqlalchemy_orm:SqlalchemyOrm",
        "fastapi-users": "shared.fastapi_users:FastapiUsersSqlalchemy",
        "advanced-alchemy": "shared.advanced_alchemy:AdvancedAlchemy",
        "tortoise": "shared.tortoise_orm:TortoiseOrm",
        "ours-alone": "shared.ours:OursAlone",
        OURS: "shared.ours:Ours",
    },
    floor="asyncpg",
    direct="asyncpg",
    goals={1: 1.25, 32: 1.25},
    place="postgresql:PostgresqlPlace",
    packages=("asyncpg", "sqlalchemy", "fastapi-users-db-sqlalchemy", "advanced-alchemy", "tortoise-orm", "uvloop"),
)
