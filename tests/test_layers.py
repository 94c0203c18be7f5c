"""The layers point one way, and importing the package brings in nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "auth_adapters"

LAYERS = [
    {"errors", "cancellation", "portions"},
    {"options"},
    {"capabilities", "query"},
    {"schema"},
    {"physical", "ids", "datetimes"},
    {"values"},
    {"layout", "protocols", "matching", "cascades", "observation"},
    {"codec", "rules"},
    {"conditions", "checks"},
    {"paging"},
    {"joins"},
    {"plans"},
    {"planning"},
    {"verbs"},
    {"adapter"},
    {"connect"},
    {"conformance", "integrations", "migrations", "cli"},
]
BACKENDS_MAY_USE = {
    "errors", "cancellation", "options", "capabilities", "query", "schema", "physical", "datetimes", "values", "layout",
    "protocols", "matching", "cascades", "rules", "portions", "backends",
}  # fmt: skip


def level(module: str) -> int | None:
    """Where a module of the package stands, 0 at the bottom."""
    return next((at for at, names in enumerate(LAYERS) if module in names), None)


def imports(path: Path) -> set[str]:
    """The second parts of `auth_adapters.x` that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "auth_adapters" else [f"auth_adapters.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("auth_adapters.")}
    return found


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_lower_layers(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    used = imports(path) - {own}
    if own == "backends":
        assert used <= BACKENDS_MAY_USE
        return
    here = level(own)
    assert here is not None, f"{own} has no place in LAYERS"
    too_high = {name for name in used if name != "backends" and (level(name) is None or level(name) >= here)}  # type: ignore[operator]
    assert not too_high
    assert "backends" not in used or own == "conformance"


def test_importing_the_package_imports_no_driver_and_no_pytest() -> None:
    heavy = {"sqlalchemy", "aiosqlite", "asyncpg", "asyncmy", "pymongo", "pytest", "hypothesis"}
    code = f"import sys, auth_adapters; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_is_a_file_of_everything(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 440
