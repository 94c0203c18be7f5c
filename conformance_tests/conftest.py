"""The servers that the bindings share, one of each per session.

The toy package is tested from outside, in an environment of its own: see test_wheel.py.
"""

from conformance_tests.mongodb_outside import either_mongodb
from servers.fixtures import mariadb_server, mongodb_server, mysql_server, pgbouncer_server, postgresql_server

__all__ = [
    "either_mongodb",
    "mariadb_server",
    "mongodb_server",
    "mysql_server",
    "pgbouncer_server",
    "postgresql_server",
]

collect_ignore = ["thirdparty"]
