"""auth_adapters, as an application uses it."""

from datetime import datetime
from typing import Any, ClassVar

from auth_adapters import connect
from benchmarks.contenders.shared.protocol import BUSY_SECONDS, Record, SignUp


class Ours:
    """`connect(url)` and the verbs of the adapter."""

    name = "auth_adapters"
    lacks: frozenset[str] = frozenset()
    weight = 5
    on_server: ClassVar[dict[str, Any]] = {}

    async def open(self, target: str, connections: int) -> None:
        lite = target.startswith("sqlite:")
        options: dict[str, Any] = (
            {"busy_timeout": BUSY_SECONDS} if lite else {"pool_size": connections, **self.on_server}
        )
        self.adapter = connect(target, **options)
        await self.adapter.open()

    async def close(self) -> None:
        await self.adapter.close()

    async def a2(self, token: str) -> Record | None:
        session = await self.adapter.find_one("session", {"token": token})
        if session is None:
            return None
        session["user"] = await self.adapter.find_one("user", {"id": session["user_id"]})
        return session

    async def aj(self, token: str) -> Record | None:
        return await self.adapter.find_one("session", {"token": token}, join=["user"])

    async def b(self, email: str) -> Record | None:
        return await self.adapter.find_one("user", {"email": email})

    async def c(self, data: Record) -> Record:
        return await self.adapter.create("session", data)

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        return await self.adapter.update("session", {"token": token}, {"expires_at": expires_at})

    async def e(self, token: str) -> bool:
        return await self.adapter.delete("session", {"token": token})

    async def consume(self, identifier: str) -> Record | None:
        return await self.adapter.consume_one("verification", {"identifier": identifier})

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        async with self.adapter.transaction() as tx:
            user = await tx.create("user", data.user)
            account = await tx.create("account", {**data.account, "user_id": user["id"]})
            session = await tx.create("session", {**data.session, "user_id": user["id"]})
        return user, account, session


class OursAlone(Ours):
    """Every look-up a statement of its own, also where some wait together."""

    name = "auth_adapters, coalesce=False"
    on_server: ClassVar[dict[str, Any]] = {"coalesce": False}
