"""How to reach MongoDB, and how it is to read and write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import Primary
from pymongo.write_concern import WriteConcern

__all__ = ["MongoDBOptions"]

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoDBOptions:
    """Which database, and how it is used. Nothing of the URL or the client's settings is shown in a repr.

    url: `mongodb://` or `mongodb+srv://`, whose options are PyMongo's. client: more of PyMongo's options by name; they
    win. write_concern: by whom a write must be acknowledged before a verb returns; a majority unless given.
    read_concern: of reads outside transactions. read_preference: which members may answer those; another than the
    primary may answer with what was true a moment ago. connect_timeout: seconds that `open` waits for a server.
    ttl: `create_tables` asks MongoDB to remove what has expired by itself. validators: it gives a collection that it
    creates a JSON schema made from the layout.
    """

    url: str = field(default="mongodb://localhost:27017", repr=False)
    database: str
    client: Mapping[str, Any] = field(default_factory=lambda: NOTHING, repr=False)
    write_concern: WriteConcern = field(default_factory=lambda: WriteConcern(w="majority"))
    read_concern: ReadConcern = field(default_factory=ReadConcern)
    read_preference: Any = field(default_factory=Primary)
    connect_timeout: float = 10.0
    ttl: bool = False
    validators: bool = False
