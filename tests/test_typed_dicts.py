"""The written module: its names and types, and that Python, mypy and ruff take it as it is."""

import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_type_hints

import pytest

from auth_adapters.errors import SchemaError
from auth_adapters.query import ModelRef
from auth_adapters.schema import (
    Extension,
    Field,
    Model,
    Reference,
    Schema,
    Transforms,
    auth_schema,
    plugins,
    presets,
    write_typed_dicts,
)
from auth_adapters.schema import core as core_types

ROOT = Path(__file__).parents[1]
STATES = tuple(f"a rather long state number {number}" for number in range(4))

AWKWARD = Schema(
    {
        "any": Model(fields={"value": Field("json"), "extra": Field("json", required=False)}),
        "x": Model(fields={"raw": Field("bytes"), "ratio": Field("float", required=False)}),
        "none": Model(fields={"tags": Field("string[]"), "sizes": Field("integer[]", required=False)}),
        "rule": Model(fields={"from": Field("string"), "state": Field("enum", values=STATES, required=False)}),
        "clock": Model(fields={"datetime": Field("datetime"), "at": Field("datetime")}),
        "task": Model(
            fields={"state": Field("enum", values=STATES), "mood": Field("enum", values=("it's", 'so "so"'))}
        ),
        "task_state": Model(fields={"one": Field("string")}),
        "a_model_with_a_name_of_some_length": Model(fields={}),
    }
)


def thing(field: Field) -> Schema:
    return Schema(
        {"thing": Model(fields={"value": field}), "other": Model(fields={"code": Field("string", unique=True)})}
    )


def run(schema: Schema) -> dict[str, Any]:
    """What the written module defines."""
    module: dict[str, Any] = {"__name__": "records"}
    exec(compile(write_typed_dicts(schema), "records.py", "exec"), module)  # noqa: S102
    return module


def hint(field: Field) -> Any:
    return get_type_hints(run(thing(field))["Thing"])["value"]


def tool(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments, str(path)],
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


EXAMPLES = {
    "core": auth_schema(),
    "every plugin": auth_schema(
        *(getattr(plugins, name)() for name in plugins.__all__ if name != "organization"),
        plugins.organization(teams=True, dynamic_roles=True),
    ),
    "authjs": presets.authjs(),
    "awkward": AWKWARD,
}
each_example = pytest.mark.parametrize("schema", EXAMPLES.values(), ids=EXAMPLES)


class TestTools:
    @each_example
    def test_python_runs_it(self, schema: Schema) -> None:
        assert {name.upper() for name in schema.models} <= set(run(schema))

    @each_example
    def test_mypy_passes_it_in_strict_mode(self, schema: Schema, tmp_path: Path) -> None:
        path = tmp_path / "records.py"
        path.write_text(write_typed_dicts(schema))
        flags = ["--strict", "--follow-imports=silent", "--explicit-package-bases", "--config-file="]
        done = tool("mypy", *flags, f"--cache-dir={tmp_path}", path=path)
        assert done.returncode == 0, done.stdout + done.stderr

    @each_example
    @pytest.mark.parametrize("width", [88, 120])
    def test_ruff_format_leaves_it_as_it_is(self, schema: Schema, width: int, tmp_path: Path) -> None:
        path = tmp_path / "records.py"
        path.write_text(write_typed_dicts(schema))
        done = tool("ruff", "format", "--diff", "--isolated", "--no-cache", f"--line-length={width}", path=path)
        assert done.returncode == 0, done.stdout

    @each_example
    def test_ruff_sorts_no_import_and_finds_none_unused(self, schema: Schema, tmp_path: Path) -> None:
        path = tmp_path / "records.py"
        path.write_text(write_typed_dicts(schema))
        options = ["--isolated", "--no-cache", "--select=I,F", "--config", "lint.isort.known-first-party=[]"]
        done = tool("ruff", "check", *options, path=path)
        assert done.returncode == 0, done.stdout

    def test_mypy_knows_the_record_behind_a_reference(self, tmp_path: Path) -> None:
        path = tmp_path / "records.py"
        path.write_text(
            write_typed_dicts(auth_schema(plugins.admin()))
            + "\n\nfrom typing import TypeVar\n\nR = TypeVar('R')\n\n"
            + "def find(model: ModelRef[R]) -> R: ...  # type: ignore[empty-body]\n\nreveal_type(find(USER)['role'])\n"
        )
        flags = ["--strict", "--follow-imports=silent", "--explicit-package-bases", "--config-file="]
        done = tool("mypy", *flags, f"--cache-dir={tmp_path}", path=path)
        assert re.search(r'Revealed type is ".*str.*None.*"', done.stdout), done.stdout


class TestText:
    def test_the_same_schema_gives_the_same_text(self) -> None:
        assert write_typed_dicts(auth_schema(plugins.admin())) == write_typed_dicts(auth_schema(plugins.admin()))

    def test_physical_names_leave_no_trace(self) -> None:
        assert write_typed_dicts(presets.better_auth(version="1.6")) == write_typed_dicts(auth_schema())

    def test_a_small_schema_is_written_so(self) -> None:
        schema = Schema({"api_note": Model(fields={"body": Field("text", required=False)})})
        assert write_typed_dicts(schema) == (
            '"""The records of this schema and typed references to its models. Generated: do not edit."""\n'
            "\n"
            "from typing import Final, TypedDict\n"
            "\n"
            "from auth_adapters.query import ModelRef\n"
            "\n"
            "\n"
            "class ApiNote(TypedDict):\n"
            '    """A record of `api_note`."""\n'
            "\n"
            "    id: str\n"
            "    body: str | None\n"
            "\n"
            "\n"
            'API_NOTE: Final = ModelRef[ApiNote]("api_note")\n'
        )

    @pytest.mark.parametrize("name", ["User", "Session", "Account", "Verification"])
    def test_the_core_four_are_written_as_they_ship(self, name: str) -> None:
        assert get_type_hints(run(auth_schema())[name]) == get_type_hints(getattr(core_types, name))

    def test_a_reference_carries_the_model_s_name(self) -> None:
        assert run(auth_schema(plugins.two_factor()))["TWO_FACTOR"] == ModelRef("two_factor")


class TestTypes:
    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("string", str),
            ("text", str),
            ("integer", int),
            ("float", float),
            ("boolean", bool),
            ("datetime", datetime),
            ("json", Any),
            ("string[]", list[str]),
            ("integer[]", list[int]),
            ("bytes", bytes),
        ],
    )
    def test_a_field_has_the_type_of_its_values(self, kind: Any, expected: Any) -> None:
        assert hint(Field(kind)) == expected

    def test_an_id_is_a_str(self) -> None:
        assert get_type_hints(run(auth_schema(ids="serial"))["User"])["id"] is str

    def test_a_field_that_is_not_required_may_be_none(self) -> None:
        assert hint(Field("integer", required=False)) == int | None

    def test_an_enum_is_a_literal(self) -> None:
        assert hint(Field("enum", values=("a", "b"))) == Literal["a", "b"]

    def test_a_long_enum_has_an_alias(self) -> None:
        assert run(thing(Field("enum", values=STATES)))["ThingValue"] == Literal[STATES]

    def test_an_alias_avoids_the_name_of_a_class(self) -> None:
        module = run(AWKWARD)
        assert module["TaskStateValue"] == Literal[STATES]
        assert get_type_hints(module["TaskState"]) == {"id": str, "one": str}

    @pytest.mark.parametrize("value", ["it's", 'so "so"', 'it\'s "so"', "back\\slash", "new\nline", "é", ""])
    def test_an_enum_may_hold_any_text(self, value: str) -> None:
        assert hint(Field("enum", values=(value, "b"))) == Literal[value, "b"]

    def test_a_reference_to_an_id_is_a_str(self) -> None:
        assert hint(Field("id", references=Reference(model="other"))) is str

    def test_a_reference_has_the_type_of_what_it_leads_to(self) -> None:
        assert hint(Field("integer", references=Reference(model="other", field="code"))) is str

    def test_what_an_output_transform_makes_is_any(self) -> None:
        assert hint(Field("string", required=False, transforms=Transforms(output=int))) is Any

    def test_an_input_transform_leaves_the_type(self) -> None:
        assert hint(Field("string", transforms=Transforms(input=str.lower))) is str


class TestNames:
    def test_a_class_is_called_as_its_model_in_pascal_case(self) -> None:
        assert "TeamMember" in run(auth_schema(plugins.organization(teams=True)))

    @pytest.mark.parametrize(("model", "name"), [("any", "AnyRecord"), ("none", "NoneRecord"), ("x", "XRecord")])
    def test_a_class_that_would_hide_a_name_gets_a_suffix(self, model: str, name: str) -> None:
        module = run(Schema({model: Model(fields={})}))
        assert get_type_hints(module[name]) == {"id": str}
        assert module[model.upper()] == ModelRef(model)

    def test_a_field_called_like_a_keyword_is_kept(self) -> None:
        assert get_type_hints(run(thing(Field("string")).extend(more("from")))["Thing"])["from"] is int

    @pytest.mark.parametrize("name", ["str", "int", "datetime", "list"])
    def test_a_field_called_like_a_type_hides_nothing(self, name: str) -> None:
        hints = get_type_hints(run(thing(Field("datetime")).extend(more(name)))["Thing"])
        assert hints == {"id": str, "value": datetime, name: int}

    def test_two_models_of_one_class_name_are_refused(self) -> None:
        schema = Schema({"a_b": Model(fields={}), "a__b": Model(fields={})})
        with pytest.raises(SchemaError, match=r"'a_b'.*'a__b'.*AB"):
            write_typed_dicts(schema)


def more(field: str) -> Extension:
    return Extension(fields={"thing": {field: Field("integer")}})
