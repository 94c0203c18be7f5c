"""Every topic of the suite: `from auth_adapters.conformance.suite import *` in a test module runs it all."""

from auth_adapters.conformance.topics.atomic_verbs import TestConsume, TestIncrement, TestIncrementRefusals
from auth_adapters.conformance.topics.atomicity import TestAtomicity, TestAtomicityInTransactions
from auth_adapters.conformance.topics.authjs import TestAuthJs, TestCompositeKeys
from auth_adapters.conformance.topics.bad_input import TestBadValues, TestBadWhere
from auth_adapters.conformance.topics.bad_names import TestBadNames, TestInjection
from auth_adapters.conformance.topics.capabilities import TestCapabilities
from auth_adapters.conformance.topics.case_insensitive import TestCaseInsensitive
from auth_adapters.conformance.topics.constraints import TestNotNull, TestUnique
from auth_adapters.conformance.topics.create import TestCreate, TestCreateMany, TestTransforms
from auth_adapters.conformance.topics.delete import TestDelete, TestDeleteMany
from auth_adapters.conformance.topics.event_loops import TestEventLoops
from auth_adapters.conformance.topics.find import TestFind, TestObservation
from auth_adapters.conformance.topics.id_modes import TestIdModes
from auth_adapters.conformance.topics.ids import TestIds, TestSerialIds
from auth_adapters.conformance.topics.indexes import TestIndexes
from auth_adapters.conformance.topics.join_costs import TestJoinCosts
from auth_adapters.conformance.topics.join_ones import TestJoinedOnes
from auth_adapters.conformance.topics.joins import TestJoinRefusals, TestJoins
from auth_adapters.conformance.topics.lifecycle import TestClosing, TestCreateTables, TestLifecycle
from auth_adapters.conformance.topics.look_ups import TestLookUpsAtOnce
from auth_adapters.conformance.topics.naming import TestAlikeNames, TestNaming, TestReservedWords
from auth_adapters.conformance.topics.plan_reuse import TestPlanReuse, TestUpdateAgain
from auth_adapters.conformance.topics.presets import TestBetterAuth, TestPlugins
from auth_adapters.conformance.topics.properties import TestProperties
from auth_adapters.conformance.topics.purge import TestPurge
from auth_adapters.conformance.topics.references import TestReferencedDelete, TestReferences
from auth_adapters.conformance.topics.run_transaction import TestRunTransaction
from auth_adapters.conformance.topics.savepoints import TestOutlivingSavepoints, TestSavepoints, TestTransactionMisuse
from auth_adapters.conformance.topics.secrecy import TestSecrecy
from auth_adapters.conformance.topics.sorting import TestKeyset, TestLongSorting, TestPaging, TestSorting
from auth_adapters.conformance.topics.stateful import TestStateful
from auth_adapters.conformance.topics.text import TestText, TestTextModes
from auth_adapters.conformance.topics.times import TestTimes
from auth_adapters.conformance.topics.transactions import TestFailedTransactions, TestTransactions
from auth_adapters.conformance.topics.transform_errors import TestTransformErrors
from auth_adapters.conformance.topics.update import TestUpdate, TestUpdateMany, TestUpdateRefusals
from auth_adapters.conformance.topics.upsert import TestUpsert, TestUpsertRefusals
from auth_adapters.conformance.topics.values import TestJson, TestNumbers, TestTexts, TestValues
from auth_adapters.conformance.topics.where import TestLogic, TestMembership, TestNone, TestWhere

__all__ = [
    "TestAlikeNames",
    "TestAtomicity",
    "TestAtomicityInTransactions",
    "TestAuthJs",
    "TestBadNames",
    "TestBadValues",
    "TestBadWhere",
    "TestBetterAuth",
    "TestCapabilities",
    "TestCaseInsensitive",
    "TestClosing",
    "TestCompositeKeys",
    "TestConsume",
    "TestCreate",
    "TestCreateMany",
    "TestCreateTables",
    "TestDelete",
    "TestDeleteMany",
    "TestEventLoops",
    "TestFailedTransactions",
    "TestFind",
    "TestIdModes",
    "TestIds",
    "TestIncrement",
    "TestIncrementRefusals",
    "TestIndexes",
    "TestInjection",
    "TestJoinCosts",
    "TestJoinRefusals",
    "TestJoinedOnes",
    "TestJoins",
    "TestJson",
    "TestKeyset",
    "TestLifecycle",
    "TestLogic",
    "TestLongSorting",
    "TestLookUpsAtOnce",
    "TestMembership",
    "TestNaming",
    "TestNone",
    "TestNotNull",
    "TestNumbers",
    "TestObservation",
    "TestOutlivingSavepoints",
    "TestPaging",
    "TestPlanReuse",
    "TestPlugins",
    "TestProperties",
    "TestPurge",
    "TestReferencedDelete",
    "TestReferences",
    "TestReservedWords",
    "TestRunTransaction",
    "TestSavepoints",
    "TestSecrecy",
    "TestSerialIds",
    "TestSorting",
    "TestStateful",
    "TestText",
    "TestTextModes",
    "TestTexts",
    "TestTimes",
    "TestTransactionMisuse",
    "TestTransactions",
    "TestTransformErrors",
    "TestTransforms",
    "TestUnique",
    "TestUpdate",
    "TestUpdateAgain",
    "TestUpdateMany",
    "TestUpdateRefusals",
    "TestUpsert",
    "TestUpsertRefusals",
    "TestValues",
    "TestWhere",
]
