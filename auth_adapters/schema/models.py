"""Models, and the extensions that add to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from auth_adapters.schema.fields import Field

__all__ = ["Extension", "Index", "Model"]

ID: Final = Field("id")


@dataclass(frozen=True, slots=True)
class Index:
    """An index over several fields of a model (logical names), in that order."""

    fields: tuple[str, ...]
    unique: bool = False

    def __init__(self, *fields: str, unique: bool = False) -> None:
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "unique", unique)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is stored about one kind of thing.

    fields: by logical name, snake_case. primary_key: the names of its fields; `("id",)` brings the field `id`, made
    by the schema's id mode, unless `fields` declares one. expires: the datetime field that `purge_expired` goes by.
    indexes: over several fields. table: the physical name, where the schema's naming is not to decide.
    """

    fields: Mapping[str, Field]
    primary_key: tuple[str, ...] = ("id",)
    expires: str | None = None
    indexes: Sequence[Index] = ()
    table: str | None = None

    def __post_init__(self) -> None:
        fields = dict(self.fields)
        if self.primary_key == ("id",) and "id" not in fields:
            fields = {"id": ID, **fields}
        object.__setattr__(self, "fields", MappingProxyType(fields))
        object.__setattr__(self, "primary_key", tuple(self.primary_key))
        object.__setattr__(self, "indexes", tuple(self.indexes))

    @property
    def makes_id(self) -> bool:
        """Whether the primary key is an `id` that the schema's id mode makes."""
        if self.primary_key != ("id",):
            return False
        return self.fields["id"].type == "id" and self.fields["id"].references is None

    @property
    def unique_keys(self) -> tuple[tuple[str, ...], ...]:
        """Every declared unique key, the primary key first."""
        single = [(name,) for name, one in self.fields.items() if one.unique]
        compound = [index.fields for index in self.indexes if index.unique]
        return tuple(dict.fromkeys([self.primary_key, *single, *compound]))

    def with_fields(self, fields: Mapping[str, Field], indexes: Sequence[Index] = ()) -> "Model":
        """A copy with these fields added or replaced."""
        return Model(
            fields={**self.fields, **fields},
            primary_key=self.primary_key,
            expires=self.expires,
            indexes=tuple(dict.fromkeys([*self.indexes, *indexes])),
            table=self.table,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What a plugin or an application adds to a schema: models, and fields and indexes of models that are there."""

    models: Mapping[str, Model] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Field]] = field(default_factory=dict)
    indexes: Mapping[str, Sequence[Index]] = field(default_factory=dict)
