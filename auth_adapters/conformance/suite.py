"""Every topic of the suite: `from auth_adapters.conformance.suite import *` in a test module runs it all."""

from auth_adapters.conformance.topics.create import TestCreate

__all__ = [
    "TestCreate",
]
