"""MongoDB, through PyMongo's asynchronous client."""

from auth_adapters.backends.mongodb.backend import MongoDBBackend, MongoDBClientBackend
from auth_adapters.backends.mongodb.options import MongoDBOptions
from auth_adapters.backends.mongodb.reading import read_backend, read_client

__all__ = ["MongoDBBackend", "MongoDBClientBackend", "MongoDBOptions", "read_backend", "read_client"]
