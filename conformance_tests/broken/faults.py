"""Every fault, and the topics each of which must notice it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conformance_tests.broken import atomic, questions, references, refusals, sql, transactions, values, writes
from conformance_tests.broken.harnesses import Fault, in_adapter, in_memory, in_sqlite

__all__ = ["FAULTS"]

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            # reading
            in_memory(questions.DropsOr, "TestLogic"),
            in_memory(questions.MixesUpGroups, "TestLogic"),
            in_memory(questions.FoldsCase, "TestWhere"),
            in_memory(questions.IgnoresMode, "TestTextModes"),
            in_memory(questions.NeSkipsNull, "TestNone"),
            in_memory(questions.InclusiveBounds, "TestWhere"),
            in_memory(questions.KeysetForgetsTies, "TestKeyset"),
            in_memory(questions.IgnoresLimit, "TestPaging"),
            in_memory(questions.IgnoresOffset, "TestPaging"),
            in_memory(questions.HiddenLimit, "TestFind"),
            in_memory(questions.NoTieBreak, "TestSorting"),
            in_memory(questions.LimitForAllParents, "TestJoins"),
            in_memory(questions.HandsOutItsOwnLists, "TestValues"),
            in_adapter(questions.KeysetOffByOne, "TestKeyset"),
            in_adapter(questions.IgnoresSelect, "TestFind"),
            in_adapter(questions.IteratesOneBatch, "TestKeyset"),
            # create, update, delete
            in_memory(writes.SwallowsUnique, "TestUnique"),
            in_memory(writes.BatchIsNotAtomic, "TestCreateMany"),
            in_memory(writes.ShufflesSerials, "TestIdModes"),
            in_memory(writes.ReusesSerials, "TestSerialIds"),
            in_memory(writes.UpdateChangesSeveral, "TestUpdate"),
            in_memory(writes.NoopUpdateIsAMiss, "TestUpdate"),
            in_memory(writes.CountsModified, "TestUpdateMany"),
            in_memory(writes.ReturnsStaleRow, "TestUpdate"),
            in_memory(writes.UpdateForgetsOnUpdate, "TestUpdate"),
            in_memory(writes.DeleteRemovesSeveral, "TestDelete"),
            in_memory(writes.MissRaises, "TestDelete"),
            in_adapter(writes.EmptyWhereMeansAll, "TestUpdateMany", "TestDeleteMany"),
            # consume, increment, upsert, purge
            in_memory(atomic.ConsumeInTwoSteps, "TestAtomicity"),
            in_memory(atomic.ConsumeSkipsLocked, "TestAtomicityInTransactions"),
            in_memory(atomic.IncrementInTwoSteps, "TestAtomicity"),
            in_memory(atomic.IncrementIgnoresGuard, "TestIncrement"),
            in_memory(atomic.IncrementWraps, "TestIncrementRefusals"),
            in_memory(atomic.IncrementSaturates, "TestIncrementRefusals"),
            in_memory(atomic.UpsertInTwoSteps, "TestAtomicity"),
            in_memory(atomic.UpsertAlwaysCreates, "TestUpsert"),
            in_memory(atomic.EmptyChangesOverwrite, "TestUpsert"),
            in_memory(atomic.UpsertTakesAnyKey, "TestUpsertRefusals"),
            in_memory(atomic.PurgeKeepsTheMoment, "TestPurge"),
            in_memory(atomic.PurgeTakesOneBatch, "TestPurge"),
            # values
            in_memory(values.LosesMilliseconds, "TestTimes"),
            in_memory(values.KeepsLocalTime, "TestTimes"),
            in_memory(values.CutsLongText, "TestTexts"),
            in_memory(values.CutsTokens, "TestTexts"),
            in_memory(values.TrimsTrailingSpaces, "TestTexts"),
            in_memory(values.DropsEmoji, "TestTexts"),
            in_memory(values.NormalizesText, "TestTexts"),
            in_memory(values.EmptyTextIsNull, "TestValues"),
            in_memory(values.LowersSpelling, "TestCaseInsensitive"),
            in_memory(values.RoundsFloats, "TestNumbers"),
            in_memory(values.IntegersThroughFloats, "TestNumbers"),
            in_memory(values.SwapsNullAndFalse, "TestValues"),
            # references
            in_memory(references.LeavesOrphans, "TestReferencedDelete"),
            in_memory(references.RestrictCascades, "TestReferencedDelete"),
            in_memory(references.SetNullCascades, "TestReferencedDelete"),
            in_memory(references.TakesAnyParent, "TestReferences"),
            # transactions
            in_memory(transactions.RollbackKeepsWrites, "TestTransactions"),
            in_memory(transactions.PretendsTransactions, "TestTransactions"),
            in_memory(transactions.MissesOwnWrites, "TestTransactions"),
            in_memory(transactions.DirtyReads, "TestTransactions"),
            in_memory(transactions.SavepointUndoesEverything, "TestSavepoints"),
            in_memory(transactions.SavepointUndoesNothing, "TestSavepoints"),
            in_adapter(transactions.CommitsAfterError, "TestFailedTransactions"),
            in_adapter(transactions.CancellationCommits, "TestTransactions"),
            in_adapter(transactions.WorksAfterItsEnd, "TestTransactionMisuse"),
            in_adapter(transactions.WaitsForItself, "TestTransactionMisuse"),
            in_adapter(transactions.RetriesNothing, "TestRunTransaction"),
            in_adapter(transactions.RetriesEveryError, "TestRunTransaction"),
            # errors, capabilities, life
            in_memory(refusals.ErrorsWithoutFields, "TestUnique"),
            in_memory(refusals.ErrorsNameColumns, "TestUnique"),
            in_memory(refusals.ErrorsQuoteValues, "TestUnique", "TestSecrecy"),
            in_memory(refusals.ErrorsKeepTheirCause, "TestUnique", "TestSecrecy"),
            in_memory(refusals.ErrorsWithoutType, "TestUnique"),
            in_adapter(refusals.DegradesSilently, "TestCreateMany", "TestSavepoints", over=refusals.DeclaresLittle),
            in_adapter(refusals.WorksWhenClosed, "TestLifecycle"),
            # SQLite
            in_sqlite(sql.WildcardsActive, "TestText"),
            in_sqlite(sql.EndsWithFromTheEnd, "TestText"),
            in_sqlite(sql.ListsIgnoreMode, "TestTextModes"),
            in_sqlite(sql.NullsLast, "TestSorting"),
            in_sqlite(sql.OrderFoldsCase, "TestSorting"),
            in_sqlite(sql.InnerJoins, "TestJoins"),
            in_sqlite(sql.OneStatementPerParent, "TestJoinCosts"),
            in_sqlite(sql.ColumnsFoldCase, "TestUnique"),
            in_sqlite(sql.ColumnsPadSpaces, "TestUnique"),
            in_sqlite(sql.UniqueByEmailOnly, "TestUnique"),
            in_sqlite(sql.NoIndexes, "TestIndexes"),
            in_sqlite(sql.NoSerialMemory, "TestSerialIds"),
            in_sqlite(sql.NullPlusOneIsNull, "TestIncrement"),
            in_sqlite(sql.OverflowBecomesFloat, "TestIncrementRefusals"),
            in_sqlite(sql.FlatConditions, "TestLogic"),
            in_sqlite(sql.ForeignKeysOff, "TestReferences"),
            in_sqlite(sql.ReadsAnOldSnapshot, "TestCreate"),
            in_sqlite(sql.StoresBooleansUnconverted, "TestValues"),
            in_sqlite(sql.RawDriverErrors, "TestUnique"),
            in_sqlite(sql.LeaksItsReader, "TestClosing"),
            in_sqlite(sql.TurnsAreLost, "TestAtomicityInTransactions"),
        )
    }
)
