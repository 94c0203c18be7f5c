"""MySQL and MariaDB, through asyncmy."""

from auth_adapters.backends.mysql.backend import MySQLBackend, MySQLPoolBackend
from auth_adapters.backends.mysql.options import MySQLOptions
from auth_adapters.backends.mysql.owned import MySQLEngineBackend
from auth_adapters.backends.mysql.reading import read_backend

__all__ = ["MySQLBackend", "MySQLEngineBackend", "MySQLOptions", "MySQLPoolBackend", "read_backend"]
