"""What the suite says of an adapter that is not finished."""

from typing import Any

import pytest

from auth_adapters.adapter import BackendAdapter
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.conformance.topic import check_complete


class Unfinished:
    """Some of an adapter."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def create(self, model: str, data: Any) -> Any: ...


def test_it_names_everything_that_an_adapter_lacks() -> None:
    unfinished: Any = Unfinished()
    with pytest.raises(
        pytest.fail.Exception, match=r"Unfinished is no Adapter yet; it lacks: schema, .*find_one"
    ) as said:
        check_complete(unfinished)
    assert " open," not in str(said.value)
    assert " create," not in str(said.value)


def test_it_says_nothing_of_a_whole_one_that_is_not_open() -> None:
    check_complete(BackendAdapter(MemoryBackend()))
