from collections.abc import Iterator

import pytest

import servers
from servers.bson import decode, encode
from servers.tests.promises import closes_without_a_trace, leaves_nothing_when_killed

MAJORITY = {"writeConcern": {"w": "majority"}}


@pytest.fixture(scope="module")
def server() -> Iterator[servers.MongoDB]:
    with servers.mongodb() as started:
        yield started


def insert(server: servers.MongoDB, key: int) -> None:
    server.run_command({"insert": "kept", "documents": [{"_id": key}], **MAJORITY}, "test")


def kept(server: servers.MongoDB) -> set[int]:
    found = server.run_command({"find": "kept"}, "test")["cursor"]["firstBatch"]
    return {document["_id"] for document in found}


def test_documents_come_back_as_they_were() -> None:
    document = {"text": "é🔑", "number": -7, "float": 2.5, "flag": True, "none": None, "list": [1, {"in": "side"}]}
    assert decode(encode(document)) == document


def test_it_is_the_primary_of_a_replica_set(server: servers.MongoDB) -> None:
    hello = server.run_command({"hello": 1})
    assert hello["isWritablePrimary"]
    assert hello["setName"] == "rs0"
    assert server.url.endswith("/?replicaSet=rs0")


def test_a_database_has_a_url_of_its_own(server: servers.MongoDB) -> None:
    assert server.database_url("one") == server.url.replace("/?", "/one?")


def test_a_refused_command_is_an_error_with_its_code(server: servers.MongoDB) -> None:
    with pytest.raises(servers.ServerError, match=r"code 59"):
        server.run_command({"noSuchCommand": 1})


def test_its_data_outlive_a_kill(server: servers.MongoDB) -> None:
    insert(server, 1)
    server.kill()
    assert not server.running()
    server.restart()
    assert 1 in kept(server)


def test_two_of_three_go_on_without_their_primary() -> None:
    with servers.mongodb(members=3) as server:
        insert(server, 1)
        first = server.primary()
        first.kill()
        assert server.primary() is not first
        insert(server, 2)
        first.start()
        assert kept(server) == {1, 2}


def test_a_server_that_stands_alone_is_in_no_replica_set() -> None:
    with servers.mongodb(standalone=True) as server:
        insert(server, 1)
        assert "setName" not in server.run_command({"hello": 1})


def test_fail_points_can_be_set(server: servers.MongoDB) -> None:
    point = {"configureFailPoint": "failCommand", "mode": {"times": 1}}
    server.run_command({**point, "data": {"failCommands": ["find"], "errorCode": 112}})
    with pytest.raises(servers.ServerError, match=r"code 112"):
        kept(server)
    kept(server)


def test_close_leaves_no_process_and_no_folder() -> None:
    closes_without_a_trace(servers.mongodb(standalone=True))


@pytest.mark.parametrize("victim", ["session", "guardian", "both"])
def test_sigkill_leaves_nothing_once_the_next_session_began(victim: str) -> None:
    leaves_nothing_when_killed("mongodb", victim, "running")


def test_a_url_in_the_environment_is_taken_and_nothing_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_ADAPTERS_TEST_MONGODB_URL", "mongodb://user:pw@one:1,two:2/db?replicaSet=x")
    with servers.mongodb() as server:
        assert not server.ours
        assert (server.host, server.port) == ("one", 1)
        assert server.database_url("other") == "mongodb://user:pw@one:1,two:2/other?replicaSet=x"
