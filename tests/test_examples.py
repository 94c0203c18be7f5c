"""The examples run, and what they print is true."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: str) -> str:
    """What an example prints."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def auth_flow() -> str:
    """The main example's output."""
    return run("auth_flow.py")


@pytest.mark.parametrize(
    "line",
    [
        "UniqueViolationError: model=user, fields=('email',)",
        "20 requests present it at once, 1 of them wins",
        "the old token finds None, the new one ada@example.com",
        "30 attempts at once against a limit of 5: 5 allowed",
        "removed {'session': 1, 'verification': 0}",
        "user: 1 row\n",
        "account: 1 row\n",
        "session: 1 row\n",
        "verification: 0 rows\n",
        "email                     'ada@example.com'",
    ],
)
def test_the_auth_flow_shows(auth_flow: str, line: str) -> None:
    assert line in auth_flow


def test_the_auth_flow_shows_no_password(auth_flow: str) -> None:
    assert "correct horse" not in auth_flow


def test_the_auth_flow_takes_a_database(tmp_path: Path) -> None:
    run("auth_flow.py", str(tmp_path / "mine.db"))
    assert (tmp_path / "mine.db").exists()


def test_application_tables_share_transactions_and_cascades() -> None:
    assert run("application_tables.py").splitlines() == [
        "users: 1 notes: 1",
        "users: 1 notes: 1",
        "users: 0 notes: 0",
    ]
