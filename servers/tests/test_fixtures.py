"""The fixtures, as a project's tests take them."""

import pytest

pytest_plugins = ["pytester"]

CONFTEST = "from servers.fixtures import *\n"
TESTS = """
def test_one(postgresql_server, pgbouncer_server, mariadb_server):
    assert pgbouncer_server.run_sql("SELECT 1") == [("1",)]

def test_two(postgresql_server, mariadb_server):
    assert mariadb_server.run_sql("SELECT 1") == [("1",)]
"""
MISSING = """
import pytest, servers.fixtures
from servers import mysql
from servers.provision import MYSQL, unavailable

@pytest.fixture(scope="session", autouse=True)
def without():
    def missing():
        raise unavailable(MYSQL, "")
    servers.mysql, before = missing, servers.mysql
    yield
    servers.mysql = before

def test_it(mysql_server):
    pass
"""


def test_one_server_of_a_kind_serves_a_session(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_missing_server_fails_its_tests_and_says_how_to_get_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(MISSING)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*set AUTH_ADAPTERS_TEST_MYSQL_URL to the URL of a running server*"])
