"""From what an application has to an adapter."""

import importlib
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from auth_adapters import (
    USER,
    BackendAdapter,
    ConfigurationError,
    ConnectionFailedError,
    MissingDriverError,
    UnsupportedOperationError,
    auth_schema,
    connect,
)
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.backends.mongodb import MongoDBBackend
from auth_adapters.backends.sqlite import SQLiteBackend, SQLiteEngineBackend
from auth_adapters.connect import said_aloud
from auth_adapters.schema import Naming


def backend(target: Any = None, **options: Any) -> Any:
    """The backend that `connect` chose."""
    adapter = connect(target, **options)
    assert isinstance(adapter, BackendAdapter)
    return adapter.backend


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("sqlite:///x.db", "x.db"),
        ("sqlite:////var/lib/x.db", "/var/lib/x.db"),
        ("sqlite+aiosqlite:///x.db", "x.db"),
        ("sqlite:x.db", "x.db"),
        ("SQLite:///x.db", "x.db"),
        ("file:./dev.db", "./dev.db"),
        ("file:///var/lib/x.db", "/var/lib/x.db"),
        ("file:/var/lib/x.db", "/var/lib/x.db"),
        ("./dev.db", "./dev.db"),
        ("dev.db", "dev.db"),
        ("auth.sqlite3", "auth.sqlite3"),
        ("folder/auth", "folder/auth"),
        ("sqlite:///with%20space.db", "with space.db"),
        (Path("x.db"), "x.db"),
        (Path("no-ending"), "no-ending"),
        (":memory:", ":memory:"),
        ("sqlite://", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite:///shared?mode=memory&cache=shared", ":memory:"),
    ],
)
def test_what_leads_to_which_sqlite_database(target: Any, path: str) -> None:
    chosen = backend(target)
    assert isinstance(chosen, SQLiteBackend)
    assert repr(chosen) == f"<SQLiteBackend on {path}>"


@pytest.mark.parametrize("target", ["memory:", "memory://"])
def test_memory_leads_to_the_reference(target: str) -> None:
    assert isinstance(backend(target), MemoryBackend)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("postgresql+psycopg://u:secret@h/db", "no database goes by the URL scheme 'postgresql\\+psycopg'"),
        ("mysql+pymysql://u:secret@h/db", "no database goes by the URL scheme 'mysql\\+pymysql'"),
        ("mongodb+pymongo://u:secret@h/db", "no database goes by the URL scheme 'mongodb\\+pymongo'"),
        ("oracle://u:secret@h/db", "no database goes by the URL scheme 'oracle'"),
        ("u:secret@host", "credentials without a URL's scheme"),
        ("u:secret@host/db", "credentials without a URL's scheme"),
        ("auth", "neither a URL nor a path"),
        ("", "neither a URL nor a path"),
        ("sqlite://host/x.db", "a SQLite URL has no host"),
        ("sqlite:///x.db?colour=secret", "SQLite has no option 'colour'"),
        ("sqlite:///x.db?busy_timeout=secret", "busy_timeout takes a number of seconds"),
        ("memory://secret", "takes no path"),
        (42, "cannot connect to an object of type int"),
    ],
)
def test_what_cannot_be_used_is_refused_and_shows_no_secret(target: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        connect(target)
    assert "secret" not in str(caught.value)


def test_options_are_read_from_the_url_and_by_name() -> None:
    assert backend("sqlite:///x.db?busy_timeout=2.5")._timeout == 2.5
    assert backend("sqlite:///x.db?busy_timeout=2.5", busy_timeout=4)._timeout == 4


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="'pool_size'; there are: busy_timeout"):
        connect("x.db", pool_size=5)


@pytest.mark.parametrize("timeout", [-1, 100_000, float("nan")])
def test_a_timeout_out_of_range_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="seconds from 0 to 86400"):
        connect("x.db", busy_timeout=timeout)


def test_nothing_means_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///from-environment.db")
    assert "from-environment.db" in repr(backend())


def test_mongodb_uri_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("MONGODB_URI", "mongodb://u:secret@h/db")
    assert isinstance(backend(), MongoDBBackend)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///first.db")
    assert isinstance(backend(), SQLiteBackend)


def test_nothing_at_all_means_sqlite_and_is_said_aloud_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("MONGODB_URI", raising=False)
    said_aloud.clear()
    with caplog.at_level(logging.WARNING, logger="auth_adapters"):
        assert "auth.db" in repr(backend())
        connect()
    assert [record.getMessage() for record in caplog.records] == [
        "no database was named, and neither DATABASE_URL nor MONGODB_URI is set: using SQLite in ./auth.db"
    ]


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'aiosqlite'", name="aiosqlite")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingDriverError, match=r"pip install 'auth_adapters\[sqlite\]'"):
        connect("x.db")


def test_an_engine_of_the_application_is_accepted() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    assert isinstance(backend(engine), SQLiteEngineBackend)


def test_a_synchronous_engine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="create_async_engine"):
        connect(create_engine("sqlite://"))


def test_a_backend_is_taken_as_it_is() -> None:
    mine = MemoryBackend()
    assert backend(mine) is mine
    with pytest.raises(ConfigurationError, match="takes no options"):
        connect(mine, busy_timeout=1)


@pytest.mark.asyncio
async def test_a_folder_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailedError, match="folder"):
        await connect(tmp_path / "absent" / "auth.db").open()


@pytest.mark.asyncio
async def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(ConnectionFailedError, match="SQLITE_NOTADB"):
        await connect(path).open()


@pytest.mark.asyncio
async def test_a_database_schema_is_refused_where_there_is_none(tmp_path: Path) -> None:
    schema = auth_schema(naming=Naming(database_schema="auth"))
    with pytest.raises(UnsupportedOperationError, match="database_schemas"):
        await connect(tmp_path / "auth.db", schema=schema).open()


@pytest.mark.asyncio
async def test_data_outlives_the_adapter(tmp_path: Path) -> None:
    async with connect(tmp_path / "auth.db") as db:
        await db.create_tables()
        user = await db.create(USER, {"email": "ada@example.com"})
    async with connect(tmp_path / "auth.db") as db:
        assert await db.find_one(USER, {"email": "ada@example.com"}) == user
