"""Transactions in sessions: our own, and those that the application owns."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from random import uniform
from typing import Any, Final, TypeVar

import pymongo
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from auth_adapters.backends.mongodb.errors import UNKNOWN, uncommitted
from auth_adapters.backends.mongodb.scope import Scope
from auth_adapters.backends.mongodb.verbs import MongoDBVerbs
from auth_adapters.cancellation import uninterrupted
from auth_adapters.errors import AdapterStateError, TransientError
from auth_adapters.protocols import BackendTransaction

__all__ = ["MongoDBBound", "MongoDBTransaction", "begun", "in_transaction"]

T = TypeVar("T")
RETRY_SECONDS: Final = 10.0
"""How long a verb by itself tries its transaction again."""
PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.1
COMMIT_ATTEMPTS: Final = 5
SNAPSHOT: Final = ReadConcern("snapshot")


class SessionVerbs(MongoDBVerbs):
    """The verbs in a session that has a transaction under way."""

    def __init__(self, scope: Scope) -> None:
        assert scope.session is not None
        self._here = scope
        self._session: AsyncClientSession = scope.session

    def _scope(self) -> Scope:
        return self._here

    @property
    def _transactions(self) -> bool:
        return True

    async def _atomically(self, work: Callable[[Scope], Awaitable[T]]) -> T:
        return await work(self._scope())

    async def savepoint(self) -> BackendTransaction:
        raise NotImplementedError("never called: the capability savepoints is not declared")


class MongoDBTransaction(SessionVerbs):
    """A transaction of ours: a snapshot, which others' writes to the same documents make fail."""

    async def commit(self) -> None:
        """Make it so. Where the answer got lost it is asked for again: to commit twice is to commit once.

        All of that takes no longer than one statement may.
        """
        failure: PyMongoError | None = None
        try:
            with pymongo.timeout(self._session.client.options.timeout):
                for _ in range(COMMIT_ATTEMPTS):
                    try:
                        return await self._session.commit_transaction()
                    except PyMongoError as error:
                        failure = error
                    if not failure.has_error_label(UNKNOWN):
                        break
        finally:
            await self._ended()
        assert failure is not None
        raise uncommitted(failure)

    async def rollback(self) -> None:
        with suppress(PyMongoError):  # the server undoes what nobody commits
            await self._session.abort_transaction()
        await self._ended()

    async def _ended(self) -> None:
        self._here.presence.__exit__()
        await self._session.end_session()


class MongoDBBound(SessionVerbs):
    """The application's own session. Its owner commits, aborts and ends it."""

    def _scope(self) -> Scope:
        if not self._session.in_transaction:
            raise AdapterStateError("the session that is bound has no transaction under way")
        return self._here

    async def commit(self) -> None:
        raise NotImplementedError("never called: the owner of the session commits")

    async def rollback(self) -> None:
        raise NotImplementedError("never called: the owner of the session rolls back")


async def begun(scope: Scope, write_concern: Any) -> MongoDBTransaction:
    """A transaction in a session of its own."""
    session = scope.collections.client.start_session()
    await session.start_transaction(
        read_concern=SNAPSHOT, write_concern=write_concern, read_preference=ReadPreference.PRIMARY
    )
    scope.presence.__enter__()
    return MongoDBTransaction(replace(scope, session=session))


async def in_transaction(
    begin: Callable[[], Awaitable[MongoDBTransaction]], work: Callable[[Scope], Awaitable[T]]
) -> T:
    """The work in a transaction of its own, and in another one where others got in the way."""
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + RETRY_SECONDS, PAUSE
    while True:
        transaction = await begin()
        try:
            result = await work(transaction._scope())
        except BaseException as error:
            await uninterrupted(transaction.rollback())
            if not isinstance(error, TransientError) or loop.time() > until:
                raise
        else:
            try:
                await uninterrupted(transaction.commit())
            except TransientError:
                if loop.time() > until:
                    raise
            else:
                return result
        await asyncio.sleep(uniform(0, pause))  # noqa: S311  (spreads them, no secret)
        pause = min(LONGEST_PAUSE, pause * 2)
