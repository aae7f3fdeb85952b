"""What stands in the database, read from its own catalogue: the basis of recorded ownership."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

#: Kinds of objects, and the order in which a purge drops them.
KINDS = (
    "policies", "triggers", "views", "constraints", "indexes", "columns", "tables", "functions",
    "sequences", "types",
)  # fmt: skip
#: Kinds named ``table.object``: they go with their table.
PARTS = frozenset({"policies", "triggers", "constraints", "indexes", "columns"})

Objects = dict[str, str]


@dataclass(frozen=True)
class Snapshot:
    """Every object of the schema: kind → name → definition. Version tables are left out.

    Parts of a table are named ``table.part``; functions ``name(argument types)``.
    """

    kinds: dict[str, Objects] = field(default_factory=dict)

    def of(self, kind: str) -> Objects:
        """Return the objects of a kind."""
        return self.kinds.get(kind, {})

    def names(self) -> set[tuple[str, str]]:
        """Return (kind, name) of every object."""
        return {(kind, name) for kind, objects in self.kinds.items() for name in objects}

    def added_since(self, before: Snapshot) -> set[tuple[str, str]]:
        """Return what stands here and did not stand in `before`."""
        return self.names() - before.names()

    def changed_since(self, before: Snapshot) -> set[tuple[str, str]]:
        """Return what stands in both with another definition."""
        return {
            (kind, name)
            for kind, name in self.names() & before.names()
            if self.kinds[kind][name] != before.kinds[kind][name]
        }


def snapshot(connection: Connection) -> Snapshot:
    """Read the catalogue of the current schema (PostgreSQL) or file (SQLite)."""
    statement = _POSTGRES if connection.dialect.name == "postgresql" else _SQLITE
    kinds: dict[str, Objects] = {kind: {} for kind in KINDS}
    for kind, name, definition in connection.execute(text(statement)):
        kinds[kind][name] = definition or ""
    return Snapshot(kinds)


# `{}`-free and parameter-free, so that one round trip reads it all. Objects of extensions
# (pg_depend.deptype 'e') belong to nobody here.
_POSTGRES = r"""
WITH s AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()),
t AS (
  SELECT c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity
  FROM pg_class c JOIN s ON c.relnamespace = s.oid
  WHERE c.relkind IN ('r', 'p', 'f') AND c.relname NOT LIKE 'alembic\_version\_%'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid
                    AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'))
SELECT 'tables', relname::text,
       CASE WHEN relforcerowsecurity THEN 'rls forced' WHEN relrowsecurity THEN 'rls' ELSE '' END
  FROM t
UNION ALL
SELECT 'columns', t.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
       || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL
SELECT 'indexes', t.relname || '.' || i.relname, pg_get_indexdef(x.indexrelid)
  FROM t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid
                    AND k.conrelid = t.oid)
UNION ALL
SELECT 'constraints', t.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
  FROM t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT 'triggers', t.relname || '.' || g.tgname, pg_get_triggerdef(g.oid)
  FROM t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION ALL
SELECT 'policies', t.relname || '.' || p.polname,
       p.polcmd::text || ' ' || p.polpermissive::text || ' '
       || coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' / '
       || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
  FROM t JOIN pg_policy p ON p.polrelid = t.oid
UNION ALL
SELECT 'views', c.relname::text, pg_get_viewdef(c.oid)
  FROM pg_class c JOIN s ON c.relnamespace = s.oid
  WHERE c.relkind IN ('v', 'm') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid
        AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
UNION ALL
SELECT 'sequences', c.relname::text, ''
  FROM pg_class c JOIN s ON c.relnamespace = s.oid
  WHERE c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid
        AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i', 'e'))
UNION ALL
SELECT 'types', y.typname::text, y.typtype::text
  FROM pg_type y JOIN s ON y.typnamespace = s.oid
  WHERE y.typtype IN ('e', 'd', 'r') AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.objid = y.oid AND d.classid = 'pg_type'::regclass AND d.deptype IN ('i', 'e'))
UNION ALL
SELECT 'functions', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
       md5(coalesce(p.prosrc, '') || p.provolatile::text || p.prosecdef::text
           || pg_get_function_arguments(p.oid) || coalesce(array_to_string(p.proconfig, ','), ''))
  FROM pg_proc p JOIN s ON p.pronamespace = s.oid
  WHERE p.prokind IN ('f', 'p') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid
        AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
"""

# The text of a table is no definition here: it changes with every ADD COLUMN. Constraints are
# part of that text and cannot be added alone, so SQLite has none to list.
_SQLITE = r"""
SELECT 'tables', name, CASE WHEN sql LIKE 'CREATE VIRTUAL%' THEN 'virtual' ELSE '' END
  FROM sqlite_master
  WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND name NOT LIKE 'alembic\_version\_%' ESCAPE '\'
UNION ALL
SELECT 'columns', m.name || '.' || c.name,
       c.type || CASE WHEN c."notnull" THEN ' not null' ELSE '' END
       || coalesce(' default ' || c.dflt_value, '')
  FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c
  WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
    AND m.name NOT LIKE 'alembic\_version\_%' ESCAPE '\'
UNION ALL
SELECT CASE type WHEN 'index' THEN 'indexes' ELSE 'triggers' END, tbl_name || '.' || name, sql
  FROM sqlite_master
  WHERE type IN ('index', 'trigger') AND name NOT LIKE 'sqlite\_autoindex\_%' ESCAPE '\'
    AND tbl_name NOT LIKE 'alembic\_version\_%' ESCAPE '\'
UNION ALL
SELECT 'views', name, sql FROM sqlite_master WHERE type = 'view'
"""
