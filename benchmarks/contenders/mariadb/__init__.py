"""MariaDB: a database of one server for each contender."""

from typing import Final

from benchmarks.contenders.database import OURS, Database

MARIADB: Final = Database(
    key="mariadb",
    title="MariaDB",
    contenders={
        "asyncmy": "mariadb.asyncmy_bare:BareAsyncmy",
        "asyncmy-prepared": "mariadb.asyncmy_prepared:PreparedAsyncmy",
        "asyncmy-pool": "mariadb.asyncmy_pool:AsyncmyPool",
        "core": "mariadb.sqlalchemy_mariadb:MariadbCore",
        "orm": "mariadb.sqlalchemy_mariadb:MariadbOrm",
        "advanced-alchemy": "shared.advanced_alchemy:AdvancedAlchemy",
        "tortoise": "shared.tortoise_orm:TortoiseOrm",
        "ours-alone": "shared.ours:OursAlone",
        OURS: "shared.ours:Ours",
    },
    floor="asyncmy",
    direct="asyncmy",
    goals={1: 1.25, 32: 1.25},
    place="mariadb:MariadbPlace",
    packages=("asyncmy", "sqlalchemy", "advanced-alchemy", "tortoise-orm", "uvloop"),
)
