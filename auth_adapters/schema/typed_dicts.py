"""The records of a schema as Python types: one TypedDict and one typed reference per model."""

import keyword
from typing import Final

from auth_adapters.errors import SchemaError
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field

__all__ = ["write_typed_dicts"]

WIDTH: Final = 88
TYPES: Final = {
    "id": "str",
    "string": "str",
    "text": "str",
    "integer": "int",
    "float": "float",
    "boolean": "bool",
    "datetime": "datetime",
    "json": "Any",
    "string[]": "list[str]",
    "integer[]": "list[int]",
    "bytes": "bytes",
}
TYPING: Final = ("Any", "Final", "Literal", "TypeAlias", "TypedDict")
RESERVED: Final = frozenset({*TYPING, "ModelRef", *keyword.kwlist})
SHADOWING: Final = frozenset({"bool", "bytes", "datetime", "float", "int", "list", "str"})
"""Keys that, declared in a class body, would hide the type that another line needs."""


def write_typed_dicts(schema: Schema) -> str:
    """The source text of a Python module that types the records of `schema`.

    It has one TypedDict per model, called as the model is in PascalCase, and one `ModelRef` constant per model:
    `USER: Final = ModelRef[User]("user")`, so that `find_one(USER, ...)` is known to give a `User`. Ids and references
    to them are str, an enum is a `Literal`, json and what an output transform makes are `Any`, and a field that is
    not required may be None. A class that would be called like a constant or like something that the module needs
    gets the suffix `Record`.

    The same schema gives the same text, which passes mypy --strict and which ruff format leaves as it is. Raises
    `SchemaError` for two models whose classes would have one name (`a_b` and `a__b`).
    """
    return _Writer(schema).module()


class _Writer:
    """Collects the parts of one module and what they import."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.classes = _class_names(schema)
        self.taken = {*self.classes.values(), *(name.upper() for name in schema.models)}
        self.imported = {"Final", "TypedDict"}

    def module(self) -> str:
        blocks = [block for name in self.schema.models for block in self._model(name)]
        references = [_reference(name, class_name) for name, class_name in self.classes.items()]
        body = "\n\n\n".join([*blocks, "\n".join(references)])
        return f"{self._header()}\n\n\n{body}\n"

    def _header(self) -> str:
        typing = ", ".join(name for name in TYPING if name in self.imported)
        return "\n".join(
            [
                '"""The records of this schema and typed references to its models. Generated: do not edit."""',
                "",
                *(["from datetime import datetime"] if "datetime" in self.imported else []),
                f"from typing import {typing}",
                "",
                "from auth_adapters.query import ModelRef",
            ]
        )

    def _model(self, name: str) -> list[str]:
        """The TypedDict of one model, after the aliases that it needs."""
        class_name = self.classes[name]
        aliases: list[str] = []
        types: dict[str, str] = {}
        for key, field in self.schema.models[name].fields.items():
            annotation = self._annotation(field)
            if len(f"        {_quoted(key)}: {annotation},") > WIDTH and annotation.startswith("Literal["):
                alias = self._free_name(class_name + _pascal(key))
                aliases.append(_alias(alias, self._origin(field).values))
                self.imported.add("TypeAlias")
                annotation = alias if field.required else f"{alias} | None"
            types[key] = annotation
        if any(keyword.iskeyword(key) or key in SHADOWING for key in types):
            return [*aliases, _functional(class_name, types)]
        lines = [f"    {key}: {annotation}" for key, annotation in types.items()]
        head = [f"class {class_name}(TypedDict):", f'    """A record of `{name}`."""', ""]
        return [*aliases, "\n".join([*head, *lines])]

    def _annotation(self, field: Field) -> str:
        origin = self._origin(field)
        if origin.transforms and origin.transforms.output:
            self.imported.add("Any")
            return "Any"
        if origin.type == "enum":
            self.imported.add("Literal")
            base = f"Literal[{', '.join(map(_quoted, origin.values))}]"
        else:
            base = TYPES[origin.type]
            self.imported.add(base)
        return base if field.required else f"{base} | None"

    def _origin(self, field: Field) -> Field:
        """The field that a reference leads to in the end; any other field itself."""
        seen: list[Field] = []
        while (reference := field.references) and field not in seen:
            seen.append(field)
            field = self.schema.models[reference.model].fields[reference.field]
        return field

    def _free_name(self, name: str) -> str:
        while name in self.taken:
            name += "Value"
        self.taken.add(name)
        return name


def _class_names(schema: Schema) -> dict[str, str]:
    constants = {model.upper() for model in schema.models}
    owners: dict[str, str] = {}
    for model in schema.models:
        name = _pascal(model)
        if name in constants or name in RESERVED:
            name += "Record"
        other = owners.setdefault(name, model)
        if other != model:
            raise SchemaError(f"the models {other!r} and {model!r} would both be called {name}")
    return {model: name for name, model in owners.items()}


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _functional(class_name: str, types: dict[str, str]) -> str:
    lines = [f"        {_quoted(key)}: {annotation}," for key, annotation in types.items()]
    return "\n".join([f"{class_name} = TypedDict(", f'    "{class_name}",', "    {", *lines, "    },", ")"])


def _alias(name: str, values: tuple[str, ...]) -> str:
    comma = "," if len(values) > 1 else ""
    return "\n".join([f"{name}: TypeAlias = Literal[", *(f"    {_quoted(value)}{comma}" for value in values), "]"])


def _reference(model: str, class_name: str) -> str:
    start = f"{model.upper()}: Final = ModelRef[{class_name}]("
    line = f'{start}"{model}")'
    return line if len(line) <= WIDTH else f'{start}\n    "{model}",\n)'


def _quoted(text: str) -> str:
    """A literal in the quotes that need fewer escapes, double ones by preference."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    body = "".join(char if char in "'\"" else repr(char)[1:-1] for char in text)
    return quote + body.replace(quote, "\\" + quote) + quote
