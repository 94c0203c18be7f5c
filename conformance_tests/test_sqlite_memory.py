"""The suite on SQLite in memory: one connection for reading and writing, shared by every task.

The topics in which connections and transactions matter; the SQL is that of `test_sqlite`.
"""

from types import MappingProxyType
from typing import Any

import pytest

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.sqlite import SQLiteBackend
from auth_adapters.conformance import Harness
from auth_adapters.conformance.suite import (
    TestAtomicity,
    TestAtomicityInTransactions,
    TestCapabilities,
    TestClosing,
    TestConsume,
    TestCreate,
    TestCreateMany,
    TestCreateTables,
    TestEventLoops,
    TestFailedTransactions,
    TestFind,
    TestIncrement,
    TestJoinCosts,
    TestJoins,
    TestLifecycle,
    TestNotNull,
    TestObservation,
    TestReferencedDelete,
    TestReferences,
    TestRunTransaction,
    TestSavepoints,
    TestSecrecy,
    TestStateful,
    TestTransactionMisuse,
    TestTransactions,
    TestUnique,
    TestUpdate,
    TestUpdateMany,
    TestUpsert,
)
from conformance_tests.sqlite_probes import quoted, sqlite_threads

__all__ = [
    "TestAtomicity",
    "TestAtomicityInTransactions",
    "TestCapabilities",
    "TestClosing",
    "TestConsume",
    "TestCreate",
    "TestCreateMany",
    "TestCreateTables",
    "TestEventLoops",
    "TestFailedTransactions",
    "TestFind",
    "TestIncrement",
    "TestJoinCosts",
    "TestJoins",
    "TestLifecycle",
    "TestNotNull",
    "TestObservation",
    "TestReferencedDelete",
    "TestReferences",
    "TestRunTransaction",
    "TestSavepoints",
    "TestSecrecy",
    "TestStateful",
    "TestTransactionMisuse",
    "TestTransactions",
    "TestUnique",
    "TestUpdate",
    "TestUpdateMany",
    "TestUpsert",
    "harness",
]

ALONE = "a database in memory is one adapter's own and ends when that is closed"
WAITS = "with one connection for all, readers wait for a transaction of others instead of seeing the state before it"

TWO_ADAPTERS = (
    "test_racers_over_fewer_records_get_one_each",
    "test_racers_over_more_records_get_one_each",
    "test_increments_add_up",
    "test_increments_from_none_add_up",
    "test_of_identical_sign_ups_one_succeeds",
    "test_of_racing_upserts_one_creates",
    "test_of_identical_racing_upserts_with_two_keys_one_creates",
    "test_of_racing_inserts_if_absent_all_get_the_same_record",
    "test_racing_batches_are_whole_or_absent",
    "test_a_child_never_outlives_its_parent",
    "test_a_cancelled_racer_loses_nothing",
    "test_readers_see_whole_batches",
    "test_consume_waits_for_a_transaction_that_holds_the_record",
    "test_increments_wait_for_a_transaction",
    "test_of_racing_sign_ups_with_their_accounts_one_is_whole",
    "test_cancelled_transactions_leave_nothing_behind",
    "test_reading_and_then_writing_loses_no_update",
)


class MemoryHarness(Harness):
    """One backend per database name."""

    deviations = MappingProxyType(
        {f"TestAtomicity*::{name}[[]two-adapters*": ALONE for name in TWO_ADAPTERS}
        | {
            "test_serial_ids_are_not_reused_after_reopening": ALONE,
            "test_close_waits_for_what_is_under_way": ALONE,
            "test_close_and_a_transaction_of_another_task_both_come_to_an_end": ALONE,
            "test_close_waits_for_a_transaction_of_another_task_to_commit": ALONE,
            "test_several_adapters_may_do_it_at_once": ALONE,
            "test_it_adds_the_tables_that_are_absent": ALONE,
            "test_it_never_alters_what_is_there": ALONE,
            "test_once_closed_it_can_be_opened_in_another_loop": ALONE,
            "test_it_can_be_opened_again_and_finds_what_was_stored": ALONE,
            "test_another_adapter_finds_what_was_stored": ALONE,
            "test_a_question_sees_every_write_that_has_returned": ALONE,
            "TestTransactionMisuse::test_the_outer_adapter_is_free_for_other_tasks": WAITS,
            "TestTransactions::test_others_see_nothing_until_it_commits": WAITS,
            "TestTransactions::test_another_task_sees_nothing_until_it_commits": WAITS,
        }
    )

    def __init__(self) -> None:
        self.backends: dict[str, SQLiteBackend] = {}
        self.threads_before = sqlite_threads()

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        self.backends[database] = SQLiteBackend(":memory:", busy_timeout=0.5)
        return BackendAdapter(self.backends[database], schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        def read(connection: Any) -> list[dict[str, Any]]:
            cursor = connection.execute(f"SELECT * FROM {quoted(table)}")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return await self.backends[database]._writer.run(read)

    def statements(self, database: str) -> int | None:
        return self.backends[database].statements

    async def open_connections(self, database: str) -> int:
        return len(sqlite_threads() - self.threads_before)


@pytest.fixture
def harness() -> MemoryHarness:
    """A fresh harness for each test."""
    return MemoryHarness()
