"""The options that every pool of ours has, read from a URL or by name."""

from typing import Final

from auth_adapters.backends.sql.connections import PoolOptions
from auth_adapters.options import GivenOptions

__all__ = ["pool_options"]

DEFAULTS: Final = PoolOptions()
SERVERLESS: Final = PoolOptions(size=1, ping_after=1.0, max_idle=60.0, max_lifetime=900.0)
"""One connection, which is tried after each freeze of the process."""


def pool_options(given: GivenOptions) -> PoolOptions:
    """The bounds of a pool: `serverless` chooses other defaults, each can be given."""
    base = SERVERLESS if given.flag("serverless") else DEFAULTS
    return PoolOptions(
        size=given.count("pool_size", "connection_limit", default=base.size),
        acquire_timeout=given.seconds("acquire_timeout", "pool_timeout", default=base.acquire_timeout, least=0.001),
        max_waiting=given.count("max_waiting", default=base.max_waiting, least=0),
        connect_timeout=given.seconds("connect_timeout", default=base.connect_timeout, least=0.001),
        ping_after=given.seconds("ping_after", default=base.ping_after),
        max_idle=given.seconds("max_idle", default=base.max_idle, least=0.001),
        max_lifetime=given.seconds("max_lifetime", default=base.max_lifetime, least=0.001),
        close_timeout=given.seconds("close_timeout", default=base.close_timeout),
        coalesce=given.flag("coalesce") is not False,
    )
