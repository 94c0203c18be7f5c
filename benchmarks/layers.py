"""What the adapter's own layers cost: the memory backend, with and without them."""

import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from auth_adapters import BackendAdapter
from auth_adapters.backends.memory import MemoryBackend, MemoryStore
from benchmarks.dataset import LATER

__all__ = ["measure_layers"]


class Recorder(MemoryBackend):
    """Keeps the last select that the adapter asked for."""

    asked: tuple[Any, Any]

    async def select(self, statement: Any, values: Any) -> Any:
        self.asked = statement, values
        return await super().select(statement, values)


async def measure_layers(rounds: int, calls: int = 5_000) -> dict[str, float]:
    """Microseconds per call: of the whole, of the backend alone, and of the layers (the difference)."""
    store = MemoryStore()
    backend = MemoryBackend(store)
    async with BackendAdapter(backend) as adapter:
        await adapter.create_tables()
        user = await adapter.create("user", {"email": "ada@example.com", "name": "Ada"})
        key, token = user["id"], {"user_id": user["id"], "expires_at": LATER}
        await adapter.create("session", {**token, "token": "one"})
        select, number = await _asked(store, key), iter(range(10**9))
        costs: dict[str, list[float]] = {}
        pieces: dict[str, Callable[[], Awaitable[Any]]] = {
            "find_one by key": lambda: adapter.find_one("user", {"id": key}),
            "find_one by key, backend alone": lambda: backend.select(*select),
            "find_one by unique field": lambda: adapter.find_one("user", {"email": "ada@example.com"}),
            "find_one with a join": lambda: adapter.find_one("session", {"token": "one"}, join=["user"]),
            "create": lambda: adapter.create("session", {**token, "token": f"token {next(number)}"}),
        }
        for _ in range(rounds):
            for name, call in pieces.items():
                costs.setdefault(name, []).append(await _cost(call, calls))
    found = {name: median(values) for name, values in costs.items()}
    pairs = zip(costs["find_one by key"], costs["find_one by key, backend alone"], strict=True)
    found["find_one by key, our layers"] = median(whole - alone for whole, alone in pairs)
    return found


async def _asked(store: MemoryStore, key: str) -> tuple[Any, Any]:
    """The statement and the values of a find_one by key."""
    recorder = Recorder(store)
    async with BackendAdapter(recorder) as adapter:
        await adapter.find_one("user", {"id": key})
    return recorder.asked


async def _cost(call: Callable[[], Awaitable[Any]], calls: int) -> float:
    for _ in range(calls // 10):
        await call()
    started = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - started) * 1e6 / calls
