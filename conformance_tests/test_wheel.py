"""The wheel as a third party meets it: in an environment of its own, with an adapter of its own."""

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parent.parent
TOY = Path(__file__).parent / "thirdparty"
DRIVERS = ("sqlalchemy", "aiosqlite", "asyncpg", "pymongo")


def run(*command: str | Path, cwd: Path, check: bool = True) -> str:
    """Run a program away from this checkout; what it said. Raises with that if it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a clean environment with the wheel, its extra `conformance`, and the toy."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    interpreter = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    toy = shutil.copytree(TOY, folder / "toy")
    run(interpreter, "-m", "pip", "install", "--quiet", f"{wheel}[conformance]", toy, cwd=folder)
    return interpreter


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """The toy's tests alone, in an empty folder: no conftest, no settings."""
    return shutil.copytree(TOY / "tests", tmp_path / "tests")


def test_the_wheel_holds_the_package_with_its_types_and_its_suite_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"auth_adapters"}
    assert "auth_adapters/py.typed" in names
    assert "auth_adapters/conformance/suite.py" in names
    assert not [name for name in names if re.search(r"(^|/)(test_[^/]*|conftest)\.py$", name)]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_suite_of_a_third_party_is_one_short_file() -> None:
    (binding,) = [path for path in (TOY / "tests").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(binding.read_text().splitlines()) <= 32


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_toy_passes_the_suite_in_either_mode_of_pytest_asyncio(python: Path, tests: Path, mode: str) -> None:
    report = tests / "report.xml"
    options = ("-o", f"asyncio_mode={mode}", "-o", "asyncio_default_fixture_loop_scope=function", "-W", "error")
    said = run(python, "-m", "pytest", "-q", *options, f"--junit-xml={report}", cwd=tests, check=False)
    assert report.exists(), said
    (summary,) = ET.parse(report).getroot().iter("testsuite")  # noqa: S314
    counts = {name: int(summary.get(name, "-1")) for name in ("failures", "errors", "skipped")}
    assert counts == {"failures": 0, "errors": 0, "skipped": 0}, said
    assert int(summary.get("tests", "0")) > 500


def test_a_failing_test_of_the_suite_shows_the_values_compared(python: Path, tests: Path) -> None:
    (binding,) = tests.glob("test_*.py")
    broken = binding.read_text().replace(
        "class KeyValueHarness",
        "async def one_too_many(self, statement, values, count=KeyValueBackend.count):\n"
        "    return await count(self, statement, values) + 1\n\n\n"
        "KeyValueBackend.count = one_too_many\n\n\n"
        "class KeyValueHarness",
    )
    binding.write_text(broken)
    said = run(python, "-m", "pytest", "-q", "-k", "TestDelete", cwd=tests, check=False)
    assert re.search(r"^E +assert 1 == 0$", said, re.MULTILINE), said


def test_importing_it_needs_no_driver_and_no_pytest(python: Path, tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util\n"
        "import auth_adapters\n"
        f"assert not [name for name in {DRIVERS} if importlib.util.find_spec(name)]\n"
        f"assert not [name for name in (*{DRIVERS}, 'pytest', 'hypothesis') if name in sys.modules]\n"
        "print(auth_adapters.__file__)"
    )
    assert "site-packages" in run(python, "-c", script, cwd=tmp_path)


def test_a_missing_driver_is_named_with_the_extra_that_brings_it(python: Path, tmp_path: Path) -> None:
    script = (
        "from auth_adapters import MissingDriverError, connect\n"
        "try:\n"
        "    connect('sqlite:///x.db')\n"
        "except MissingDriverError as error:\n"
        "    print(error)\n"
    )
    said = run(python, "-c", script, cwd=tmp_path)
    assert "auth_adapters[sqlite]" in said
    assert re.search(r"\b(aiosqlite|sqlalchemy)\b", said)


def test_without_a_driver_the_memory_backend_works(python: Path, tmp_path: Path) -> None:
    script = (
        "import asyncio\n"
        "from auth_adapters import connect\n"
        "async def main():\n"
        "    async with connect('memory://') as adapter:\n"
        "        await adapter.create_tables()\n"
        "        print((await adapter.create('user', {'email': 'ada@example.com'}))['email'])\n"
        "asyncio.run(main())\n"
    )
    assert run(python, "-c", script, cwd=tmp_path).strip() == "ada@example.com"


def test_the_toy_is_typed_strictly_against_the_wheel(python: Path, tmp_path: Path) -> None:
    source = shutil.copytree(TOY / "src", tmp_path / "src")
    said = run(
        sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable", python, ".", cwd=source
    )
    assert "Success" in said
