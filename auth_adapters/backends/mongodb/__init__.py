"""MongoDB, through PyMongo's asynchronous client."""

from auth_adapters.backends.mongodb.backend import MongoDBBackend, MongoDBClientBackend
from auth_adapters.backends.mongodb.options import MongoDBOptions

__all__ = ["MongoDBBackend", "MongoDBClientBackend", "MongoDBOptions"]
