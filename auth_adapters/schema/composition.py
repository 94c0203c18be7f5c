"""The schema: all models together, validated once, when it is built."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from auth_adapters.errors import InvalidValueError, SchemaError, UnknownFieldError, UnknownModelError
from auth_adapters.query import ModelRef, Record
from auth_adapters.schema.models import Extension, Model
from auth_adapters.schema.naming import Naming
from auth_adapters.schema.validation import validate

__all__ = ["IdMode", "Schema", "compose", "model_name", "unknown_model"]

IdMode: TypeAlias = Literal["random", "uuid4", "uuid7", "objectid", "serial", "database"] | Callable[[], str]
ID_MODES: Final = frozenset({"random", "uuid4", "uuid7", "objectid", "serial", "database"})


@dataclass(frozen=True, slots=True)
class Schema:
    """All models of one deployment. Frozen; a wrong one raises `SchemaError` here, not later.

    models: by logical name. ids: how the primary keys `id` are made: "random" (32 letters and digits), "uuid4",
    "uuid7", "objectid" (24 hexadecimal digits; on MongoDB an `ObjectId`), "serial" (integers made by the database),
    "database" (whatever the database makes by itself), or a function that returns a new string. At the API an id is
    a string in every mode. naming: the physical names.
    """

    models: Mapping[str, Model]
    ids: IdMode = "random"
    naming: Naming = field(default_factory=Naming)

    def __post_init__(self) -> None:
        if not callable(self.ids) and self.ids not in ID_MODES:
            raise SchemaError(f"ids is one of {', '.join(sorted(ID_MODES))} or a function, not {self.ids!r}")
        object.__setattr__(self, "models", MappingProxyType(dict(self.models)))
        validate(self.models, self.naming)

    def model(self, model: str | ModelRef[Any]) -> Model:
        """The model of this name; `UnknownModelError` if there is none."""
        try:
            return self.models[model_name(model)]
        except (KeyError, TypeError):
            raise unknown_model(model, self.models) from None

    def extend(self, *extensions: Extension) -> "Schema":
        """A new schema with the extensions' models, fields and indexes added.

        A model or field that is there already is replaced by the extension's; fields for a model that is not there
        are a `SchemaError`.
        """
        return replace(self, models=compose(self.models, extensions))

    def public(self, model: str | ModelRef[Any], record: Mapping[str, Any]) -> Record:
        """The record without the fields declared `returned=False`: what may leave the server. Joined records stay
        as they are: pass each through its own model.
        """
        fields = self.model(model).fields
        return {key: value for key, value in record.items() if key not in fields or fields[key].returned}

    def accept(self, model: str | ModelRef[Any], data: Mapping[str, Any]) -> Record:
        """A copy of what a client sent, if it may send all of it.

        Raises `UnknownFieldError` for a name that is not a field and `InvalidValueError` for a field declared
        `input=False` or an id that the schema makes.
        """
        declared = self.model(model)
        for name in data:
            if name not in declared.fields:
                raise UnknownFieldError(f"{model_name(model)!r} has no field {name!r}")
            if not declared.fields[name].input or (name == "id" and declared.makes_id):
                raise InvalidValueError(f"{model_name(model)}.{name} is not accepted from clients")
        return dict(data)


def compose(models: Mapping[str, Model], extensions: Iterable[Extension]) -> dict[str, Model]:
    """The models with the extensions added, in order, as `Schema.extend` says. Not validated yet."""
    composed = dict(models)
    for extension in extensions:
        composed.update(extension.models)
        for name in {**extension.fields, **extension.indexes}:
            if name not in composed:
                raise SchemaError(f"an extension adds to the model {name!r}, which the schema does not have")
            composed[name] = composed[name].with_fields(extension.fields.get(name, {}), extension.indexes.get(name, ()))
    return composed


def unknown_model(model: Any, models: Iterable[str]) -> UnknownModelError:
    """The error for what names no model. Only a text is shown: anything else may be a record."""
    name = model_name(model)
    shown = repr(name) if isinstance(name, str) else f"is a {type(name).__name__}"
    return UnknownModelError(f"no model {shown}; there are: {', '.join(models)}")


def model_name(model: str | ModelRef[Any]) -> str:
    """The logical name behind either way of naming a model."""
    return model.name if isinstance(model, ModelRef) else model
