"""Test servers by hand: `python -m servers start postgresql` prints a URL and runs until Ctrl-C."""

import argparse
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress

import servers
from servers.provision import MARIADB, PGBOUNCER, POSTGRESQL, Source, present, tools

UNAVAILABLE = 75
"""The exit code when a server cannot be had, EX_TEMPFAIL of sysexits."""


def _postgresql(stack: ExitStack) -> list[servers.Server]:
    return [stack.enter_context(servers.postgresql())]


def _standby(stack: ExitStack) -> list[servers.Server]:
    primary = stack.enter_context(servers.postgresql())
    return [stack.enter_context(primary.standby()), primary]


def _pgbouncer(stack: ExitStack) -> list[servers.Server]:
    behind = stack.enter_context(servers.postgresql())
    return [stack.enter_context(behind.pgbouncer()), behind]


def _mariadb(stack: ExitStack) -> list[servers.Server]:
    return [stack.enter_context(servers.mariadb())]


STARTS: dict[str, tuple[str, Callable[[ExitStack], list[servers.Server]], tuple[Source, ...]]] = {
    "postgresql": ("PostgreSQL", _postgresql, (POSTGRESQL,)),
    "standby": ("a hot standby of PostgreSQL, and its primary", _standby, (POSTGRESQL,)),
    "pgbouncer": (
        "pgbouncer, pooling by transaction, and the PostgreSQL behind it",
        _pgbouncer,
        (POSTGRESQL, PGBOUNCER),
    ),
    "mariadb": ("MariaDB", _mariadb, (MARIADB,)),
}
"""By name: what it is, how it starts (the server asked for first), and the programs that it needs."""


def start(name: str) -> None:
    """Start servers, print their URLs, the one asked for first, and run until SIGINT or SIGTERM."""
    with ExitStack() as stack:
        for server in STARTS[name][1](stack):
            print(server.url, flush=True)
        print("Ctrl-C ends it.", file=sys.stderr, flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


def provision(name: str) -> None:
    """Fetch or install what a server needs, and say what is there."""
    for source in STARTS[name][2]:
        print(f"{source.name}: {tools(source).version}")


def show() -> None:
    """Every server that can be started, and whether its programs are here."""
    for name, (what, _, sources) in STARTS.items():
        missing = [source.name for source in sources if present(source) is None]
        state = f"not here: {', '.join(missing)}" if missing else "here"
        print(f"{name:<12}{state:<24}{what}")


def main(arguments: list[str] | None = None) -> int:
    """The command line; its exit code."""
    names = "\n".join(f"  {name:<12}{what}" for name, (what, _, _) in STARTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m servers",
        description=__doc__,
        epilog=f"servers:\n{names}\n\nA server that cannot be had ends the program with {UNAVAILABLE}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, what in (("start", "start a server and run it until Ctrl-C"), ("provision", "fetch what it needs")):
        commands.add_parser(command, help=what).add_argument("server", choices=STARTS)
    commands.add_parser("list", help="what can be started, and what is here already")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "list":
            show()
        elif chosen.command == "provision":
            provision(chosen.server)
        else:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
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
