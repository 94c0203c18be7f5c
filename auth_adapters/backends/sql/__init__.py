"""What all SQL databases share, and their tables as SQLAlchemy sees them.

An application that keeps tables of its own beside the auth models takes the metadata from here:

    metadata = sql_metadata(schema)
    notes = Table("note", metadata, Column("author", reference_type(schema, "user"), ForeignKey("user.id")))
"""

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.types import TypeEngine

from auth_adapters.backends.sql.tables import SerialId, build_metadata
from auth_adapters.capabilities import Storage
from auth_adapters.errors import SchemaError
from auth_adapters.layout import is_id, lay_out, table_name
from auth_adapters.schema.composition import Schema

__all__ = ["reference_type", "sql_metadata"]


def sql_metadata(schema: Schema, metadata: MetaData | None = None) -> MetaData:
    """The schema's tables, in `metadata` (say, that of the application's models) or in a new one.

    Their types convert as the adapter does. Ids are texts in every id mode; with `serial`, numbers are taken too.
    """
    layout = lay_out(schema, Storage())
    built = build_metadata(layout, metadata)
    if schema.ids == "serial":
        for table in layout.tables.values():
            columns = built.tables[table.whole_name].c
            for column in table.columns.values():
                if is_id(schema, table.model, column.field):
                    columns[column.name].type = SerialId()
    return built


def reference_type(schema: Schema, model: str) -> TypeEngine[Any]:
    """The column type of a foreign key to the primary key of `model`; `SchemaError` if that has several columns."""
    key = schema.model(model).primary_key
    if len(key) != 1:
        raise SchemaError(f"{model!r} has a primary key of {len(key)} fields; refer to each with its own type")
    table = lay_out(schema, Storage()).tables[table_name(schema, model)]
    column_type: TypeEngine[Any] = sql_metadata(schema).tables[table.whole_name].c[table.primary_key[0]].type
    return column_type
