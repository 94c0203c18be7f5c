"""MySQL and MariaDB, through asyncmy."""

from auth_adapters.backends.mysql.backend import MySQLBackend
from auth_adapters.backends.mysql.options import MySQLOptions

__all__ = ["MySQLBackend", "MySQLOptions"]
