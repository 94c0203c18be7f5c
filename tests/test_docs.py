"""The documentation holds: its examples run, its links lead somewhere, its reference is what the code says."""

import ast
import asyncio
import inspect
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import split
from types import CodeType, ModuleType

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from auth_adapters import BackendAdapter
from servers.fixtures import mariadb_server, mongodb_server, postgresql_server

__all__ = ["mariadb_server", "mongodb_server", "postgresql_server"]

ROOT = Path(__file__).parent.parent
WITH_EXAMPLES = sorted({*ROOT.glob("README.md"), *ROOT.glob("docs/**/*.md")})
PAGES = sorted({*WITH_EXAMPLES, *ROOT.glob("*.md")})
MAX_FRAGMENTS = 5
ON_SERVERS = {
    "docs/how-to/postgresql.md": "postgresql_server",
    "docs/how-to/mysql.md": "mariadb_server",
    "docs/how-to/mongodb.md": "mongodb_server",
}
"""Pages whose examples run on a real server: the fixture of each. DATABASE_URL leads to a database of its own."""
TIMEOUT = 600.0
"""Seconds after which the tests of a page count as hanging."""

FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,}) *(?P<language>[\w+-]*) *(?P<file>\S*) *(?P<options>.*)")
HEADING = re.compile(r"#{1,6} +(.+?) *#*")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?\)")
CODE_SPAN = re.compile(r"(`+)(.+?)\1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block. line: of its first line in the page, from 1. output: what is shown below it, if anything is.

    file: what it is to be called on disk. options: what pytest is told when it runs that.
    """

    language: str
    file: str
    options: str
    text: str
    line: int
    output: str | None = None


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, each `text` block that follows an example put with it as its output.

    A page shows the output of an example in the next block; a heading between them parts the two.
    """
    found: list[Block] = []
    parted = True
    for block in _fenced(page.read_text(encoding="utf-8").splitlines()):
        if block is None:
            parted = True
        elif block.language == "text" and found and not parted and found[-1].language == "python":
            found[-1] = replace(found[-1], output=block.text)
            parted = True
        else:
            found.append(block)
            parted = False
    return found


def _fenced(lines: list[str]) -> Iterator[Block | None]:
    """Every fenced block, and None for every heading."""
    opened: re.Match[str] | None = None
    inside: list[str] = []
    first = 0
    for number, line in enumerate(lines, start=1):
        if opened is None:
            opened = FENCE.fullmatch(line)
            inside, first = [], number + 1
            if opened is None and HEADING.fullmatch(line):
                yield None
        elif line.strip() == opened["ticks"]:
            text = "".join(f"{one.removeprefix(opened['indent'])}\n" for one in inside)
            language, file, options = opened["language"], opened["file"], opened["options"]
            yield Block(language=language, file=file, options=options, text=text, line=first)
            opened = None
        else:
            inside.append(line)
    assert opened is None, f"the block that begins in line {first - 1} does not end"


def prose_of(page: Path) -> list[str]:
    """The lines of a page that are outside of code."""
    prose, opened = [], None
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = FENCE.fullmatch(line)
        if opened is None and fence:
            opened = fence["ticks"]
        elif opened is not None:
            opened = None if line.strip() == opened else opened
        else:
            prose.append(line)
    return prose


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    anchors: set[str] = set()
    for line in prose_of(page):
        if heading := HEADING.fullmatch(line):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            anchor = base = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            repeated = 0
            while anchor in anchors:
                repeated += 1
                anchor = f"{base}-{repeated}"
            anchors.add(anchor)
    return anchors


def named(page: Path) -> str:
    """A page as a test is called after it."""
    return page.relative_to(ROOT).as_posix()


def compiled(page: Path, block: Block) -> CodeType:
    """The code of an example, `await` allowed at its top; tracebacks point into the page."""
    source = "\n" * (block.line - 1) + block.text
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(source, str(page), "exec", flags=flags, dont_inherit=True)
    return code


@contextmanager
def main_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module in the place of `__main__`, in a folder of its own from which it can import."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    for name in ("DATABASE_URL", "MONGODB_URI"):
        monkeypatch.delenv(name, raising=False)
    yield module
    for name, loaded in list(sys.modules.items()):
        if str(getattr(loaded, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def run_as_file(folder: Path, block: Block) -> None:
    """Write the block to disk, behind earlier ones of the same file.

    What is called like a test module passes under pytest, warnings being errors.
    """
    with (folder / block.file).open("a", encoding="utf-8") as file:
        file.write(block.text)
    if not block.file.startswith("test_"):
        return
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), block.file, *split(block.options)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr


async def close_all(module: ModuleType) -> None:
    """Close what an example that failed has left open: the thread of a connection keeps the process from ending."""
    for value in vars(module).values():
        if isinstance(value, BackendAdapter):
            await value.close()
        elif isinstance(value, AsyncEngine):
            await value.dispose()


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=named)
def test_the_examples_of_a_page_run_and_print_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    examples = [block for block in blocks_of(page) if block.language == "python"]
    with main_module(tmp_path, monkeypatch) as module, asyncio.Runner() as runner:
        if named(page) in ON_SERVERS:
            monkeypatch.setenv("DATABASE_URL", request.getfixturevalue(ON_SERVERS[named(page)]).create_database())
        try:
            for block in examples:
                if block.file:
                    run_as_file(tmp_path, block)
                    continue
                printed = run_in(module, runner, compiled(page, block))
                if block.output is not None:
                    assert printed == block.output, f"{named(page)}, the example in line {block.line}"
        finally:
            runner.run(close_all(module))


def run_in(module: ModuleType, runner: asyncio.Runner, code: CodeType) -> str:
    """Run an example; what it printed."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        made = eval(code, vars(module))  # noqa: S307  (the examples are ours)
        if code.co_flags & inspect.CO_COROUTINE:
            runner.run(made)
    return printed.getvalue()


def test_few_blocks_are_left_out_of_the_run_and_those_compile() -> None:
    fragments = [
        (page, block) for page in WITH_EXAMPLES for block in blocks_of(page) if block.language == "python-fragment"
    ]
    for page, block in fragments:
        compiled(page, block)
    assert len(fragments) <= MAX_FRAGMENTS


def test_every_block_says_what_it_is_in_a_known_word() -> None:
    known = {"python", "python-fragment", "pyi", "text", "console", "sh", "sql", "toml", ""}
    strange = {(named(page), block.language) for page in PAGES for block in blocks_of(page)}
    assert not {(page, language) for page, language in strange if language not in known}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_links_of_a_page_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    broken = []
    for line in prose_of(page):
        for target in LINK.findall(CODE_SPAN.sub("", line)):
            path, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            goal = (page.parent / path).resolve() if path else page
            if not goal.exists() or (anchor and anchor not in anchors_of(goal)):
                broken.append(target)
    assert not broken


def test_every_page_can_be_reached_from_the_map() -> None:
    docs = ROOT / "docs"
    start = docs / "README.md"
    linked = {(start.parent / target.partition("#")[0]).resolve() for target in LINK.findall(start.read_text("utf-8"))}
    assert {page for page in docs.glob("**/*.md") if page not in {start, *linked}} == set()


def test_the_reference_is_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
