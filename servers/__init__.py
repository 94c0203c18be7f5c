"""Database servers for tests: started in seconds, each with data of its own, gone when the session is.

`with servers.postgresql() as server:` starts one, or takes that of the URL in the environment.
"""

from servers.errors import ServerError, ServerUnavailableError
from servers.mariadb import MariaDB, mariadb
from servers.mongodb import MongoDB, mongodb
from servers.mysql import MySQL, mysql
from servers.postgresql import PgBouncer, PostgreSQL, postgresql
from servers.server import Server, SQLServer

__all__ = [
    "MariaDB",
    "MongoDB",
    "MySQL",
    "PgBouncer",
    "PostgreSQL",
    "SQLServer",
    "Server",
    "ServerError",
    "ServerUnavailableError",
    "mariadb",
    "mongodb",
    "mysql",
    "postgresql",
]
