"""Test servers by hand: `python -m servers start postgresql` prints a URL and runs until Ctrl-C."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

import servers
from servers.mongodb import mongodb_tools
from servers.provision import MARIADB, MONGODB, MYSQL, PGBOUNCER, POSTGRESQL, Tools, tools
from servers.sid import mysql_tools

UNAVAILABLE = 75
"""The exit code when a server cannot be had, EX_TEMPFAIL of sysexits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A server of the command line. start: the one asked for first. provide: finds or fetches what it needs."""

    what: str
    start: Callable[[ExitStack], list[servers.Server]]
    provide: tuple[Callable[[], Tools], ...]


def _alone(make: Callable[[], servers.Server]) -> Callable[[ExitStack], list[servers.Server]]:
    """Start one server."""
    return lambda stack: [stack.enter_context(make())]


def _standby(stack: ExitStack) -> list[servers.Server]:
    """Start a PostgreSQL and a standby beside it."""
    primary = stack.enter_context(servers.postgresql())
    return [stack.enter_context(primary.standby()), primary]


def _pgbouncer(stack: ExitStack) -> list[servers.Server]:
    """Start a PostgreSQL and pgbouncer in front of it."""
    behind = stack.enter_context(servers.postgresql())
    return [stack.enter_context(behind.pgbouncer()), behind]


_POSTGRESQL = partial(tools, POSTGRESQL)
ENTRIES = {
    "postgresql": Entry(what="PostgreSQL", start=_alone(servers.postgresql), provide=(_POSTGRESQL,)),
    "standby": Entry(what="a hot standby, and the PostgreSQL it follows", start=_standby, provide=(_POSTGRESQL,)),
    "pgbouncer": Entry(
        what="pgbouncer, pooling by transaction, and the PostgreSQL behind it",
        start=_pgbouncer,
        provide=(_POSTGRESQL, partial(tools, PGBOUNCER)),
    ),
    "mariadb": Entry(what="MariaDB", start=_alone(servers.mariadb), provide=(partial(tools, MARIADB),)),
    "mysql": Entry(what="MySQL proper", start=_alone(servers.mysql), provide=(mysql_tools,)),
    "mongodb": Entry(what="MongoDB, a replica set of one", start=_alone(servers.mongodb), provide=(mongodb_tools,)),
    "mongodb3": Entry(
        what="MongoDB, a replica set of three",
        start=_alone(partial(servers.mongodb, members=3)),
        provide=(mongodb_tools,),
    ),
    "mongodb-standalone": Entry(
        what="MongoDB in no replica set",
        start=_alone(partial(servers.mongodb, standalone=True)),
        provide=(mongodb_tools,),
    ),
}


def start(name: str) -> None:
    """Start servers, print their URLs, the one asked for first, and run until SIGINT or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that runs this behind `&` has SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        for server in ENTRIES[name].start(stack):
            print(server.url, flush=True)
        print("Ctrl-C ends it.", file=sys.stderr, flush=True)
        signal.pause()


def provision(name: str) -> None:
    """Fetch or install what a server needs, and say what is there. A URL in the environment needs nothing."""
    for provide in ENTRIES[name].provide:
        print(provide().version)


def show() -> None:
    """Every server that can be started, and where each is looked for first."""
    for name, entry in ENTRIES.items():
        print(f"{name:<20}{entry.what}")
    print("\nA URL in the environment comes first:")
    for source in (POSTGRESQL, MARIADB, MYSQL, MONGODB):
        print(f"{source.variable:<40}{'set' if os.environ.get(source.variable) else 'not set'}")


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit code."""
    names = "\n".join(f"  {name:<20}{entry.what}" for name, entry in ENTRIES.items())
    parser = argparse.ArgumentParser(
        prog="python -m servers",
        description="Test servers by hand: `start postgresql` prints a URL and runs until Ctrl-C.",
        epilog=f"servers:\n{names}\n\nThe exit code is {UNAVAILABLE} when a server cannot be had.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, what in (("start", "start a server and run it until Ctrl-C"), ("provision", "fetch what it needs")):
        commands.add_parser(command, help=what).add_argument("server", choices=ENTRIES, metavar="SERVER")
    commands.add_parser("list", help="what can be started, and which URLs the environment has")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "list":
            show()
        elif chosen.command == "provision":
            provision(chosen.server)
        else:
            start(chosen.server)
    except servers.ServerUnavailableError as error:
        print(error, file=sys.stderr)
        return UNAVAILABLE
    except servers.ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
