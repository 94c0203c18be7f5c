"""How connections to MySQL and MariaDB are made."""

import ssl as tls
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["MySQLOptions", "SSLMode"]

SSLMode: TypeAlias = Literal["disabled", "preferred", "required", "verify_ca", "verify_identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MySQLOptions:
    """Where and how. Nothing of it is shown: a repr has neither the user nor the password.

    hosts: host and port, tried in order; a host that begins with a slash is the path of a Unix socket. ssl: a mode as
    MySQL's own client knows it, or a context. ssl_ca, ssl_cert, ssl_key: paths of files. Times in seconds, None for no
    limit: connect_timeout for each host, statement_timeout for each statement, lock_timeout for the wait for a row
    that another transaction holds (whole seconds). prepared_statements: whether what a connection repeats is
    prepared on the server.
    """

    hosts: tuple[tuple[str, int], ...] = (("localhost", 3306),)
    database: str | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ssl: SSLMode | tls.SSLContext = field(default="preferred", repr=False)
    ssl_ca: str | None = field(default=None, repr=False)
    ssl_cert: str | None = field(default=None, repr=False)
    ssl_key: str | None = field(default=None, repr=False)
    connect_timeout: float = 10.0
    statement_timeout: float | None = 30.0
    lock_timeout: int | None = 10
    prepared_statements: bool = True

    def context(self) -> tls.SSLContext | None:
        """The TLS context that these options ask for; None for none."""
        if isinstance(self.ssl, tls.SSLContext):
            return self.ssl
        if self.ssl == "disabled":
            return None
        if self.ssl in ("preferred", "required"):
            context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = tls.CERT_NONE
        else:
            context = tls.create_default_context(cafile=self.ssl_ca)
            context.check_hostname = self.ssl == "verify_identity"
        if self.ssl_cert is not None:
            context.load_cert_chain(self.ssl_cert, self.ssl_key)
        return context
