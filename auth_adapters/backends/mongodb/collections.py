"""The collections behind the tables: found, created, verified before they are used; and the counters of serial ids."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from auth_adapters.backends.mongodb.errors import told
from auth_adapters.backends.mongodb.filters import Document
from auth_adapters.backends.mongodb.indexes import validator, wanted_indexes
from auth_adapters.backends.mongodb.names import COUNTERS, KEY
from auth_adapters.backends.mongodb.options import MongoDBOptions
from auth_adapters.errors import ConfigurationError, TableMissingError
from auth_adapters.physical import Layout, Table

__all__ = ["Client", "Collection", "Collections"]

Client: TypeAlias = AsyncMongoClient[Document]
Collection: TypeAlias = AsyncCollection[Document]

CODEC: Final[CodecOptions[Document]] = CodecOptions(
    document_class=dict, tz_aware=False, uuid_representation=UuidRepresentation.STANDARD
)
NAMESPACE_EXISTS: Final = 48
KEY_INDEX: Final = "_id_"


class Collections:
    """The collections of one layout on one client. They speak our codec whatever the client's is."""

    def __init__(self, client: Client, database: str, layout: Layout, options: MongoDBOptions) -> None:
        self.client = client
        self.layout = layout
        self._name = database
        self._options = options
        self._made: dict[Table, tuple[Collection, Collection, Collection]] = {}
        self._verified: set[Table] = set()

    def database(self, table: Table) -> AsyncDatabase[Document]:
        """The database of a table. Its writes wait for a majority unless the options say otherwise."""
        return self.client.get_database(
            table.schema or self._name,
            codec_options=CODEC,
            read_preference=ReadPreference.PRIMARY,
            write_concern=self._options.write_concern,
            read_concern=self._options.read_concern,
        )

    def _of(self, table: Table) -> tuple[Collection, Collection, Collection]:
        made = self._made.get(table)
        if made is None:
            collection = self.database(table).get_collection(table.name)
            reading = collection.with_options(read_preference=self._options.read_preference)
            touching = collection.with_options(write_concern=WriteConcern(w=1))
            made = self._made[table] = (collection, reading, touching)
        return made

    def collection(self, table: Table) -> Collection:
        """The collection of a table."""
        return self._of(table)[0]

    def reading(self, table: Table) -> Collection:
        """The same for reads that are in no transaction: with the application's read preference."""
        return self._of(table)[1]

    def touching(self, table: Table) -> Collection:
        """The same for writes whose order counts on the primary, and nothing else: see `references`."""
        return self._of(table)[2]

    def is_verified(self, table: Table) -> bool:
        """Whether the collection and its unique indexes have been seen to be there."""
        return table in self._verified

    async def verify(self, table: Table) -> None:
        """See that they are there. Raises `TableMissingError`."""
        there = await told(self.collection(table).index_information(), table)
        if not there:
            raise TableMissingError(f"the collection of {table.model!r} is not there; await adapter.create_tables()")
        _check_collation(table, there)
        for wanted in wanted_indexes(table, ttl=self._options.ttl):
            if wanted.unique and not any(wanted.is_like(_described(one)) for one in there.values()):
                raise TableMissingError(
                    f"the unique index {wanted.name!r} of {table.model!r} is not there; await adapter.create_tables()"
                )
        self._verified.add(table)

    async def create(self) -> None:
        """Create what is absent. Several processes may do so at once."""
        work = [self._create(table) for table in self.layout.tables.values()]
        for failure in await asyncio.gather(*work, return_exceptions=True):  # after all: none is left at work
            if failure is not None:
                raise failure

    async def _create(self, table: Table) -> None:
        collection, database = self.collection(table), self.database(table)
        found = await told(collection.index_information(), table)
        _check_collation(table, found)
        there = [_described(one) for one in found.values()]
        absent = [one for one in wanted_indexes(table, ttl=self._options.ttl) if not any(map(one.is_like, there))]
        for one in absent:
            if any(map(one.has_keys_of, there)):
                raise ConfigurationError(
                    f"the index of {table.model!r} over {', '.join(key for key, _ in one.keys)} is not the one that is "
                    f"needed, and create_tables never alters: drop it, and call create_tables again for {one.name!r}"
                )
        if not there and (self._options.validators or not absent):
            options: Document = {"validator": validator(table)} if self._options.validators else {}
            await told(_made_or_there(database, table.name, options), table)
        if absent:  # which creates the collection too
            await told(collection.create_indexes([one.model() for one in absent]), table)
        await self._start_serial(table)
        self._verified.add(table)

    async def _start_serial(self, table: Table) -> None:
        """Serial ids go on behind those that are stored."""
        if any(table.columns[column].generated == "serial" for column in table.primary_key):
            last = await told(self.collection(table).find_one({}, {KEY: 1}, sort=[(KEY, -1)]), table)
            await self.note_serial(table, int(last[KEY]) if last else 0)

    def _counters(self, table: Table) -> Collection:
        return self.database(table).get_collection(COUNTERS)

    async def take_serials(self, table: Table, count: int) -> range:
        """Numbers that were never given before. Outside of any transaction, so that nobody waits for them."""
        asked = self._counters(table).find_one_and_update(
            {KEY: table.name}, {"$inc": {"last": count}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        stored: Any = await told(asked, table)
        last = int(stored["last"])
        return range(last - count + 1, last + 1)

    async def note_serial(self, table: Table, given: int) -> None:
        """Never give a number again that was given by hand."""
        await told(self._counters(table).update_one({KEY: table.name}, {"$max": {"last": given}}, upsert=True), table)


def _check_collation(table: Table, indexes: Mapping[str, Any]) -> None:
    """Raise for a collection with a collation of its own, which its `_id` has too: there, an `a` may equal an `A`."""
    if any("collation" in one for name, one in indexes.items() if name == KEY_INDEX):
        raise ConfigurationError(
            f"the collection of {table.model!r} has a collation, by which different texts may be equal; it has to be "
            f"one without"
        )


async def _made_or_there(database: AsyncDatabase[Document], name: str, options: Document) -> None:
    try:
        await database.create_collection(name, check_exists=False, **options)
    except CollectionInvalid:
        pass
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise


def _described(index: Any) -> Document:
    """An index as `index_information` tells of it, its keys as a mapping."""
    return {**index, "key": dict(index["key"])}
