"""The reference pages, from docstrings and data.

python docs/generate.py            writes docs/reference/*.md
python docs/generate.py --check    fails if they are not what it would write
"""

import ast
import asyncio
import difflib
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Final, get_args

from sqlalchemy import Dialect, MetaData
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import create_async_engine

from auth_adapters import (
    BackendAdapter,
    Capabilities,
    Extension,
    Field,
    Index,
    Model,
    Schema,
    auth_schema,
    connect,
    errors,
    physical,
    protocols,
    query,
)
from auth_adapters import capabilities as capabilities_module
from auth_adapters import connect as connect_function
from auth_adapters.backends.mongodb.capabilities import REPLICA_SET, STANDALONE
from auth_adapters.backends.sql import sql_metadata
from auth_adapters.conformance import harness, suite
from auth_adapters.schema import composition, models, naming, plugins, presets, typed_dicts
from auth_adapters.schema import core as core_module
from auth_adapters.schema import fields as fields_module
from auth_adapters.schema.fields import DEFAULT_LENGTH, FIELD_TYPES, MISSING
from auth_adapters.schema.validation import UNINDEXED, UNSORTED

REFERENCE: Final = Path(__file__).parent / "reference"
HEAD: Final = "<!-- Written by docs/generate.py. Do not edit. -->\n\n"
YES: Final = "yes"
NO: Final = ""

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


# ----- reading the source


class Source:
    """A module's source: signatures and attribute docstrings as they are written."""

    def __init__(self, module: ModuleType) -> None:
        self.text = inspect.getsource(module)
        self.body = ast.parse(self.text).body

    def find(self, name: str, inside: Sequence[ast.stmt] | None = None) -> Node:
        """The definition of a class or function; `Class.method` goes into the class."""
        first, _, rest = name.partition(".")
        for node in self.body if inside is None else inside:
            if isinstance(node, Node) and node.name == first:
                return self.find(rest, node.body) if rest else node
        raise LookupError(name)

    def signature(self, name: str) -> str:
        """From `def` to the colon, and the decorators that matter."""
        node = self.find(name)
        assert not isinstance(node, ast.ClassDef)
        lines = self.text.splitlines()[node.lineno - 1 : node.body[0].lineno - 1]
        if not lines:
            lines = [self.text.splitlines()[node.lineno - 1].partition(": ...")[0] + ":"]
        text = textwrap.dedent("\n".join(re.sub(r" +# noqa.*", "", line) for line in lines)).rstrip()
        marks = {ast.unparse(one) for one in node.decorator_list} & {"property", "abstractmethod", "classmethod"}
        return "".join(f"@{mark}\n" for mark in sorted(marks)) + text.removesuffix(":")

    def methods(self, name: str) -> list[str]:
        """The public methods of a class that say what they do, in order."""
        node = self.find(name)
        return [
            one.name
            for one in node.body
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            and not one.name.startswith("_")
            and ast.get_docstring(one)
        ]

    def attributes(self, name: str) -> dict[str, tuple[str, str]]:
        """The annotated attributes of a class: annotation with default, and the docstring below it."""
        body = self.find(name).body
        found = {}
        for at, node in enumerate(body):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                told = body[at + 1] if at + 1 < len(body) else None
                text = ""
                if isinstance(told, ast.Expr) and isinstance(told.value, ast.Constant):
                    text = inspect.cleandoc(str(told.value.value))
                line = flowing(ast.get_source_segment(self.text, node) or "")
                found[node.target.id] = (line, text)
        return found

    def doc(self, name: str) -> str:
        """The docstring of a class or function."""
        return inspect.cleandoc(ast.get_docstring(self.find(name)) or "")


# ----- writing Markdown


def pyi(text: str) -> str:
    """A signature."""
    return f"```pyi\n{text}\n```"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(' --- ' for _ in head)}|"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)


def flowing(text: str) -> str:
    """One line: line breaks of the source mean nothing in a table."""
    return " ".join(text.split())


def described(doc: str, names: Iterable[str]) -> str:
    """A docstring whose `name: what it is` parts are a list."""
    words = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    if not words:
        return doc
    start = re.compile(rf"(?:^|(?<=\.)\s+|\n)(?=(?:{words})(?:, (?:{words}))*: )")
    paragraphs = []
    for paragraph in doc.split("\n\n"):
        parts = [flowing(part) for part in start.split(paragraph) if part.strip()]
        listed = re.compile(rf"((?:{words})(?:, (?:{words}))*): (.*)")
        lines = []
        for part in parts:
            match = listed.fullmatch(part)
            keys = ", ".join(f"`{key}`" for key in match[1].split(", ")) if match else ""
            lines.append(f"- {keys}: {match[2]}" if match else part)
        text = ""
        for at, line in enumerate(lines):
            between = "\n" if at and line.startswith("- ") and lines[at - 1].startswith("- ") else "\n\n"
            text += (between if at else "") + line
        paragraphs.append(text)
    return "\n\n".join(paragraphs)


def function(source: Source, name: str, *, level: int = 3, title: str = "") -> str:
    """A function or method: heading, signature, docstring."""
    node = source.find(name)
    assert not isinstance(node, ast.ClassDef)
    arguments = [one.arg for one in [*node.args.args, *node.args.kwonlyargs]]
    heading = f"{'#' * level} {title or name.rpartition('.')[2]}"
    return f"{heading}\n\n{pyi(source.signature(name))}\n\n{described(source.doc(name), arguments)}"


def data_class(source: Source, name: str, *, level: int = 2) -> str:
    """A dataclass: heading, attributes, docstring, attribute docstrings, public methods."""
    attributes = source.attributes(name)
    parts = [f"{'#' * level} {name}"]
    if attributes:
        parts.append(pyi(f"class {name}:\n" + "\n".join(f"    {line}" for line, _ in attributes.values())))
    parts.append(described(source.doc(name), attributes))
    told = [f"- `{key}`: {flowing(text)}" for key, (_, text) in attributes.items() if text]
    if told:
        parts.append("\n".join(told))
    parts += [function(source, f"{name}.{method}", level=level + 1) for method in source.methods(name)]
    return "\n\n".join(parts)


# ----- the pages


def adapter_page() -> str:
    """Every verb, as the protocol specifies it."""
    source, connecting = Source(protocols), Source(importlib.import_module(connect_function.__module__))
    verbs = source.methods("Adapter")
    listed = ", ".join(f"[`{verb}`](#{verb})" for verb in verbs)
    return "\n\n".join(
        [
            "# Adapter",
            "What auth code holds. [`connect`](#connect) makes one; everything below holds on every backend.",
            function(connecting, "connect", level=2),
            "## The protocol",
            source.doc("Adapter"),
            f"In order: {listed}.",
            *(function(source, f"Adapter.{verb}") for verb in verbs),
            "## isolation",
            f"One of {', '.join(f'`{one}`' for one in protocols.Isolation.__args__)}.",  # type: ignore[attr-defined]
        ]
    )


def query_page() -> str:
    """What callers ask with."""
    source = Source(query)
    limits = [
        ("levels of nesting in a predicate", query.MAX_DEPTH),
        ("conditions in a predicate", query.MAX_CONDITIONS),
        ("values in one `in_` or `not_in`", query.MAX_IN_VALUES),
    ]
    return "\n\n".join(
        [
            "# Queries",
            "A `where` is a mapping, whose entries are equalities that must all hold, or a predicate.",
            function(source, "field", level=2),
            "## FieldRef",
            source.doc("FieldRef"),
            *(function(source, f"FieldRef.{method}") for method in source.methods("FieldRef")),
            "## Predicate",
            source.doc("Predicate"),
            (
                "Predicates combine with `&`, `|` and `~`. `bool(predicate)` raises `InvalidQueryError`, so that "
                "`and`, `or` and `not` cannot slip in."
            ),
            function(source, "all_of", level=2),
            function(source, "any_of", level=2),
            "### Limits",
            table(("at most", "of"), [(f"{number:,}", what) for what, number in limits]),
            "More is an `InvalidQueryError`.",
            data_class(source, "Join"),
            data_class(source, "ModelRef"),
            (
                "`USER`, `SESSION`, `ACCOUNT` and `VERIFICATION` are the references to the core four, and `User`, "
                "`Session`, `Account` and `Verification` the types of their records."
            ),
            "## ALL",
            'Say this, and only this, to update or delete a whole table: `adapter.delete_many("session", ALL)`.',
        ]
    )


def errors_page() -> str:
    """The tree, and each class."""
    kinds = [getattr(errors, name) for name in errors.__all__]
    source = Source(errors)

    def below(kind: type, depth: int) -> list[str]:
        also = ", also a ValueError" if issubclass(kind, ValueError) else ""
        lines = [f"{'  ' * depth}{kind.__name__}{also}"]
        children = [one for one in in_order if kind in one.__bases__]
        return lines + [line for child in children for line in below(child, depth + 1)]

    in_order = sorted(kinds, key=lambda kind: source.find(kind.__name__).lineno)
    parts = ["# Errors", inspect.cleandoc(errors.__doc__ or ""), "```\n" + "\n".join(below(in_order[0], 0)) + "\n```"]
    for kind in in_order:
        parts += [f"## {kind.__name__}", source.doc(kind.__name__)]
        node = source.find(kind.__name__)
        if any(isinstance(one, ast.FunctionDef) and one.name == "__init__" for one in node.body):
            parts.append(pyi(source.signature(f"{kind.__name__}.__init__")))
    return "\n\n".join(parts)


FIELD_NOTES: Final = {
    "id": "the schema's id mode",
    "string": f"at most `length` characters, {DEFAULT_LENGTH} unless given",
    "text": "at most 1,048,576 bytes of UTF-8",
    "integer": "64 bits, signed",
    "float": "a finite double; an `int` is taken too",
    "boolean": "`True` or `False`, not 0 and 1",
    "datetime": "aware, years 1 to 9999; kept in UTC, to the millisecond",
    "json": "depth 30, string keys, 64-bit integers; only tested for None",
    "string[]": "a list or tuple of strings; only tested for None",
    "integer[]": "a list or tuple of integers; only tested for None",
    "bytes": "`bytes`, `bytearray` or `memoryview` in, `bytes` out",
    "enum": "one of the field's `values`",
}


def field_types() -> str:
    """The table of field types."""
    assert FIELD_NOTES.keys() == FIELD_TYPES
    rows = []
    for kind, note in FIELD_NOTES.items():
        field = Field(kind, values=("a",) if kind == "enum" else ())  # type: ignore[arg-type]
        model = Model(fields={}) if kind == "id" else Model(fields={"it": field})
        stored = [
            f"`{column_types(Schema({'sample': model}), 'sample', one)['id' if kind == 'id' else 'it']}`"
            for one in (sqlite.dialect(), postgresql.dialect())  # type: ignore[no-untyped-call]
        ]
        python = "Literal" if kind == "enum" else typed_dicts.TYPES[kind]
        indexed = NO if kind in UNINDEXED else YES
        rows.append((f"`{kind}`", f"`{python}`", note, indexed, NO if kind in UNSORTED else YES, *stored))
    titles = ("type", "in Python", "holds", "indexed, unique", "sorted by", "in SQLite", "in PostgreSQL")
    return table(titles, rows)


def column_types(schema: Schema, model: str, dialect: Dialect) -> dict[str, str]:
    """The SQL types of a model's columns."""
    metadata: MetaData = sql_metadata(schema)
    return {column.name: column.type.compile(dialect=dialect) for column in metadata.tables[model].columns}


def schema_page() -> str:
    """What is stored, as data."""
    fields_source, models_source = Source(fields_module), Source(models)
    plugin_source, preset_source = Source(plugins), Source(presets)
    return "\n\n".join(
        [
            "# Schema",
            (
                "Frozen data, validated once, when it is built: a wrong schema is a `SchemaError` that names the "
                "culprit. Names of models and fields are snake_case always; `Naming` alone decides "
                "how tables and columns are called."
            ),
            function(Source(core_module), "auth_schema", level=2),
            data_class(Source(composition), "Schema"),
            data_class(fields_source, "Field"),
            "### Field types",
            field_types(),
            data_class(fields_source, "Reference"),
            data_class(fields_source, "Transforms"),
            data_class(models_source, "Model"),
            data_class(models_source, "Index"),
            data_class(models_source, "Extension"),
            data_class(Source(naming), "Naming"),
            "## Plugins",
            inspect.cleandoc(plugins.__doc__ or "").partition("\n\n")[2],
            "In `auth_adapters.schema.plugins`; their tables are in [models](models.md#plugins).",
            *(function(plugin_source, name) for name in plugins.__all__),
            "## Presets",
            "In `auth_adapters.schema.presets`; their tables are in [models](models.md#better_auth).",
            *(function(preset_source, name) for name in ("better_auth", "authjs")),
            "## Typed records",
            "In `auth_adapters.schema`.",
            function(Source(typed_dicts), "write_typed_dicts"),
        ]
    )


def default_of(field: Field) -> str:
    """What a missing key becomes."""
    told = []
    if field.default is not MISSING:
        told.append("now" if callable(field.default) else f"`{field.default!r}`")
    if field.on_update is not MISSING:
        told.append("now, on update too" if field.default is MISSING else "on update too")
    return ", ".join(told)


def marks_of(model: Model, name: str) -> str:
    """Keys and indexes of one field."""
    field = model.fields[name]
    told = []
    if name in model.primary_key:
        told.append("primary key" if len(model.primary_key) == 1 else "in the primary key")
    elif field.unique:
        told.append("unique")
    elif field.index:
        told.append("index")
    return ", ".join(told)


def notes_of(field: Field) -> str:
    """What does not fit into the other columns."""
    told = []
    if field.references:
        key = "" if field.references.field == "id" else f".{field.references.field}"
        told.append(f"refers to `{field.references.model}{key}`, {field.references.on_delete.replace('_', ' ')}")
    if field.values:
        told.append(f"one of {', '.join(f'`{value}`' for value in field.values)}")
    if field.transforms:
        told.append("transformed")
    if not field.input:
        told.append("not accepted from clients")
    if not field.returned:
        told.append("not public")
    return "; ".join(told)


def type_of(field: Field) -> str:
    """The type, with its length."""
    return f"{field.type}({field.length})" if field.length else field.type


def model_table(schema: Schema, name: str, only: Iterable[str] | None = None, also: Schema | None = None) -> str:
    """One model's fields. also: a schema whose column names are shown beside."""
    model = schema.model(name)
    rows = []
    for field_name in model.fields if only is None else only:
        field = model.fields[field_name]
        columns = [schema.naming.column(name, field_name, field.column)]
        if also:
            columns.append(also.naming.column(name, field_name, field.column))
        rows.append(
            (
                f"`{field_name}`",
                type_of(field),
                YES if field.required else NO,
                marks_of(model, field_name),
                default_of(field),
                notes_of(field),
                *(f"`{column}`" for column in columns),
            )
        )
    head = ["field", "type", "required", "key", "default", "more", "column"]
    return table([*head, "in `better_auth`"] if also else head, rows)


def index_line(indexes: Sequence[Index]) -> str:
    """The indexes over several fields."""
    told = [
        f"{'unique' if one.unique else 'index'} ({', '.join(f'`{name}`' for name in one.fields)})" for one in indexes
    ]
    return f"Over several fields: {'; '.join(told)}.\n\n" if told else ""


def model_part(schema: Schema, name: str, *, level: int = 3, also: Schema | None = None) -> str:
    """A heading, what holds for the whole model, its table."""
    model = schema.model(name)
    expires = f"`purge_expired` goes by `{model.expires}`. " if model.expires else ""
    table_names = f"Table `{schema.naming.table(name, model.table)}`"
    if also:
        table_names += f", in `better_auth` `{also.naming.table(name, model.table)}`"
    body = f"{table_names}. {expires}\n\n{index_line(model.indexes)}{model_table(schema, name, also=also)}"
    return f"{'#' * level} {name}\n\n{re.sub(r' +$', '', body, flags=re.MULTILINE)}"


VARIANTS: Final[Mapping[str, Mapping[str, bool]]] = {"organization": {"teams": True, "dynamic_roles": True}}


def plugin_part(name: str) -> str:
    """What one plugin adds."""
    options = VARIANTS.get(name, {})
    make: Callable[..., Extension] = getattr(plugins, name)
    extension = make(**options)
    schema, camel = auth_schema(extension), presets.better_auth(extension)
    called = f"{name}({', '.join(f'{key}={value}' for key, value in options.items())})"
    parts = [f"### {called}", flowing(inspect.cleandoc(make.__doc__ or "").partition("\n\n")[0])]
    for model, added in extension.fields.items():
        parts.append(f"Added to `{model}`:\n\n{model_table(schema, model, only=added, also=camel)}")
    parts += [model_part(schema, model, level=4, also=camel) for model in extension.models]
    return "\n\n".join(parts)


def models_page() -> str:
    """Every table of the core, the plugins and the presets."""
    core, better = auth_schema(), presets.better_auth(version="1.4")
    newer, authjs = presets.better_auth(version="1.7"), presets.authjs()
    counted = presets.better_auth(plugins.organization(teams=True))
    changed = "\n\n".join(
        f"`{model}`:\n\n{index_line(newer.model(model).indexes)}{model_table(newer, model, only=only)}"
        for model, only in (("user", ["name"]), ("account", ["issuer"]))
    )
    return "\n\n".join(
        [
            "# Models",
            (
                "Every field that is not required may hold None. Every reference has an index. Column names are those "
                "of the default naming, and of the preset `better_auth`."
            ),
            "## The core four",
            *(model_part(core, name, also=better) for name in core.models),
            "## Plugins",
            *(plugin_part(name) for name in plugins.__all__),
            "## better_auth",
            (
                'The core four above under the names of the last column, as Better Auth "1.4" to "1.6" stores them. '
                'From "1.7" on a user needs a name, and from "1.7.0" to "1.7.2" an account has an issuer:'
            ),
            changed,
            'From "1.7" on the teams of `organization` have two fields more:',
            *(
                f"`{model}`:\n\n{model_table(counted, model, only=[only])}"
                for model, only in (("team", "member_count"), ("team_member", "membership_key"))
            ),
            "## authjs",
            described(inspect.cleandoc(presets.authjs.__doc__ or "").partition("\n\n")[2], ["naming"]),
            *(model_part(authjs, name) for name in authjs.models),
        ]
    )


async def backends() -> dict[str, Capabilities]:
    """The capabilities of open adapters, one of each backend."""
    engine = create_async_engine("sqlite+aiosqlite://")
    found = {}
    for name, target in (("memory", "memory://"), ("SQLite", ":memory:"), ("SQLite, your engine", engine)):
        async with connect(target) as adapter:
            found[name] = adapter.capabilities
    await engine.dispose()
    for name, url in (("PostgreSQL", "postgresql"), ("MySQL, MariaDB", "mysql")):
        server = connect(f"{url}://localhost/auth")
        assert isinstance(server, BackendAdapter)
        found[name] = server.backend.capabilities  # opening changes nothing of them: the suite checks it
    found["MongoDB"], found["MongoDB, alone"] = REPLICA_SET, STANDALONE
    return found


def capabilities_page() -> str:
    """The matrix, from the instances."""
    source = Source(capabilities_module)
    matrix = asyncio.run(backends())
    told = source.attributes("Capabilities")
    rows = [
        (
            f"`{one.name}`",
            flowing(told[one.name][1]),
            *(YES if getattr(can, one.name) else "no" for can in matrix.values()),
        )
        for one in fields(Capabilities)
    ]
    storage = source.attributes("Storage")
    return "\n\n".join(
        [
            "# Capabilities",
            source.doc("Capabilities"),
            "`adapter.capabilities` is known once the adapter is open.",
            table(("capability", "what it promises", *matrix), rows),
            '"MongoDB, alone" is a server in no replica set: see [MongoDB](../how-to/mongodb.md).',
            "## Storage",
            described(source.doc("Storage"), storage),
            pyi("class Storage:\n" + "\n".join(f"    {line}" for line, _ in storage.values())),
        ]
    )


STATEMENTS: Final = ("Insert", "Select", "Count", "Update", "Increment", "Delete", "Upsert")
CONDITIONS: Final = ("Test", "AllOf", "AnyOf")
TABLES: Final = ("Layout", "Table", "Column", "TableIndex", "ForeignKey")
PARTS: Final = ("Order", "JoinOne", "PerParent")


def backend_page() -> str:
    """The private contract."""
    source, data = Source(protocols), Source(physical)
    helpers = [importlib.import_module(f"auth_adapters.{name}") for name in ("matching", "cascades", "rules")]
    matching, cascades, rules = map(Source, helpers)

    def protocol(name: str) -> list[str]:
        told = source.attributes(name)
        listed = "\n".join(f"- `{line}`: {flowing(text)}" for line, text in told.values())
        methods = [function(source, f"{name}.{method}", title=f"{name}.{method}") for method in source.methods(name)]
        return [f"## {name}", source.doc(name), *([listed] if listed else []), *methods]

    return "\n\n".join(
        [
            "# Backend",
            "What a new database implements; [write a backend](../how-to/write-a-backend.md) shows one whole.",
            *protocol("Executor"),
            *protocol("Backend"),
            *protocol("BackendTransaction"),
            "## Physical data",
            inspect.cleandoc(physical.__doc__ or ""),
            "### Statements",
            *(data_class(data, name, level=4) for name in STATEMENTS),
            "### Parts of a select",
            *(data_class(data, name, level=4) for name in PARTS),
            "### Conditions",
            *(data_class(data, name, level=4) for name in CONDITIONS),
            "### Tables",
            *(data_class(data, name, level=4) for name in TABLES),
            "### Names of types",
            aliases(),
            "### Helpers",
            *(function(data, name, level=4) for name in ("tests_of", "pinned_key")),
            "## matching",
            *(function(matching, name) for name in ("matcher", "in_order", "chosen", "fold")),
            "## cascades",
            inspect.cleandoc(helpers[1].__doc__ or ""),
            data_class(cascades, "Find", level=3),
            data_class(cascades, "DeletePlan", level=3),
            *(function(cascades, name) for name in ("plan_delete", "run_sync", "run_async", "key_of")),
            "## rules",
            inspect.cleandoc(helpers[2].__doc__ or ""),
            *(function(rules, name) for name in helpers[2].__all__),
        ]
    )


def aliases() -> str:
    """What the physical data calls its plain types."""
    listed = {name: ", ".join(f"`{one}`" for one in get_args(getattr(physical, name))) for name in ("Op", "ColumnKind")}
    listed |= {
        "Condition": "`Test`, `AllOf` or `AnyOf`",
        "Statement": ", ".join(f"`{one.__name__}`" for one in get_args(physical.Statement)),
        "Slot": "a whole number: the place of a value among the `Values`",
        "Values": "a tuple: the values of one call, in stored form",
        "Row": "a tuple: what is stored of one record, in the order of the columns asked for",
    }
    return "\n".join(f"- `{name}`: {text}" for name, text in listed.items())


def claim(test: str) -> str:
    """A test's name as the sentence that it is."""
    return test.removeprefix("test_").replace("_", " ")


def conformance_page() -> str:
    """The harness, and every topic with what its tests claim."""
    source = Source(harness)
    parts = [
        "# The conformance suite",
        (
            "`from auth_adapters.conformance.suite import *` in a test module runs every topic below; "
            "[run the suite](../how-to/run-the-suite.md) shows how."
        ),
        data_class(source, "Harness"),
        "## Topics",
    ]
    for name in sorted(suite.__all__):
        topic = getattr(suite, name)
        tests = [test for kind in reversed(topic.__mro__) for test in vars(kind) if test.startswith("test_")]
        said = flowing(inspect.cleandoc(vars(topic).get("__doc__") or ""))
        parts.append(f"### {name}")
        if said:
            parts.append(said)
        parts.append("\n".join(f"- {claim(test)}" for test in dict.fromkeys(tests)))
    return "\n\n".join(parts)


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "adapter.md": adapter_page,
    "query.md": query_page,
    "errors.md": errors_page,
    "schema.md": schema_page,
    "models.md": models_page,
    "capabilities.md": capabilities_page,
    "backend.md": backend_page,
    "conformance.md": conformance_page,
}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or compare them."""
    stale: list[str] = []
    for name, make in PAGES.items():
        path, wanted = REFERENCE / name, HEAD + make().rstrip() + "\n"
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if "--check" not in arguments:
            path.write_text(wanted, encoding="utf-8")
        elif found != wanted:
            titles = (f"{name} as it is", f"{name} as it should be")
            stale += difflib.unified_diff(found.splitlines(), wanted.splitlines(), *titles, n=1, lineterm="")
    if stale:
        print("\n".join(stale[:60]))
        print("the reference is stale: run python docs/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
