"""MongoDB: a database of one replica set for each contender."""

from typing import Final

from benchmarks.contenders.database import OURS, Database

MONGODB: Final = Database(
    key="mongodb",
    title="MongoDB",
    contenders={
        "pymongo": "mongodb.pymongo_bare:BarePyMongo",
        "beanie": "mongodb.beanie_odm:BeanieOdm",
        OURS: "shared.ours:Ours",
    },
    floor="pymongo",
    direct="pymongo",
    goals={1: 1.25, 32: 1.25},
    place="mongodb:MongodbPlace",
    packages=("pymongo", "beanie", "pydantic", "uvloop"),
)
