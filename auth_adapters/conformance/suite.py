"""Every topic of the suite: `from auth_adapters.conformance.suite import *` in a test module runs it all."""

from auth_adapters.conformance.topics.create import TestCreate, TestCreateMany, TestTransforms
from auth_adapters.conformance.topics.delete import TestDelete, TestDeleteMany
from auth_adapters.conformance.topics.find import TestFind, TestObservation
from auth_adapters.conformance.topics.join_costs import TestJoinCosts
from auth_adapters.conformance.topics.joins import TestJoinRefusals, TestJoins
from auth_adapters.conformance.topics.purge import TestPurge
from auth_adapters.conformance.topics.update import TestUpdate, TestUpdateMany, TestUpdateRefusals
from auth_adapters.conformance.topics.where import TestLogic, TestMembership, TestNone, TestWhere

__all__ = [
    "TestCreate",
    "TestCreateMany",
    "TestDelete",
    "TestDeleteMany",
    "TestFind",
    "TestJoinCosts",
    "TestJoinRefusals",
    "TestJoins",
    "TestLogic",
    "TestMembership",
    "TestNone",
    "TestObservation",
    "TestPurge",
    "TestTransforms",
    "TestUpdate",
    "TestUpdateMany",
    "TestUpdateRefusals",
    "TestWhere",
]
