"""PyMongo logs commands and replies, values and all, where its logger is set to DEBUG. Those of our clients it logs
without them.
"""

import json
import logging
from typing import Any, Final

from pymongo.monitoring import (
    TopologyClosedEvent,
    TopologyDescriptionChangedEvent,
    TopologyListener,
    TopologyOpenedEvent,
)

__all__ = ["Discretion"]

LOGGER: Final = logging.getLogger("pymongo.command")
DOCUMENTS: Final = ("command", "reply", "failure")

ours: Final[set[str]] = set()
"""The ids of our clients that are open."""


class Discretion(TopologyListener):
    """Told by a client of its beginning and its end."""

    def opened(self, event: TopologyOpenedEvent) -> None:
        ours.add(str(event.topology_id))

    def description_changed(self, event: TopologyDescriptionChangedEvent) -> None:
        pass

    def closed(self, event: TopologyClosedEvent) -> None:
        ours.discard(str(event.topology_id))


def without_documents(record: logging.LogRecord) -> bool:
    """A filter of the logger: what is said of our clients names commands, servers and durations only."""
    if ours and record.levelno <= logging.DEBUG:
        told = _said(record)
        if told.get("clientId") in [{"$oid": client} for client in ours]:
            record.msg = json.dumps({key: value for key, value in told.items() if key not in DOCUMENTS})
            record.args = ()
    return True


def _said(record: logging.LogRecord) -> dict[str, Any]:
    """What PyMongo says, which is always a JSON object; nothing if somebody else says something there."""
    try:
        told = json.loads(record.getMessage())
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


LOGGER.addFilter(without_documents)
