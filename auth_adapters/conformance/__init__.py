"""The shared suite: what every adapter must do, as plain pytest tests. Needs the extra `conformance`.

A binding is one file:

    import pytest
    from auth_adapters.conformance import Harness
    from auth_adapters.conformance.suite import *

    class MyHarness(Harness):
        ...

    @pytest.fixture
    def harness(tmp_path):
        return MyHarness(tmp_path)
"""

import pytest

REWRITTEN = ("topic", "topics", "expect", "trees", "machine")
pytest.register_assert_rewrite(*(f"auth_adapters.conformance.{name}" for name in REWRITTEN))

from auth_adapters.conformance.harness import Harness  # noqa: E402  (assertions are rewritten only from here on)

__all__ = ["Harness"]
