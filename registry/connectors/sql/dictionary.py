"""What a database is asked about itself, in the words of each engine: its data dictionary.

Every question takes `schema`, where it is not the connection's own.
"""

from __future__ import annotations

from collections.abc import Mapping

# What changes whenever a table, column, constraint, unique index or rule of who sees which row does: much cheaper than
# reading them all.
_POSTGRESQL = """
WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = coalesce(:schema, current_schema()))
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
  SELECT concat_ws('|', c.oid, c.relname, c.relkind, a.attname, a.atttypid, a.atttypmod, a.attnotnull) AS part
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace IN (SELECT oid FROM here) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT concat_ws('|', k.oid, k.conrelid, k.confdeltype, k.condeferrable) FROM pg_constraint k
  LEFT JOIN pg_class r ON r.oid = k.confrelid
  WHERE k.connamespace IN (SELECT oid FROM here) OR r.relnamespace IN (SELECT oid FROM here)
  UNION ALL SELECT concat_ws('|', i.indexrelid, i.indrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
  WHERE i.indisunique AND c.relnamespace IN (SELECT oid FROM here)
  UNION ALL SELECT concat_ws('|', i.inhrelid, i.inhparent) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE c.relnamespace IN (SELECT oid FROM here)
  UNION ALL SELECT concat_ws('|', c.oid, 'secured', current_user, p.polcmd, p.polpermissive, p.polroles, p.polqual)
  FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
  WHERE c.relnamespace IN (SELECT oid FROM here) AND c.relrowsecurity AND row_security_active(c.oid)
  UNION ALL SELECT DISTINCT concat_ws('|', 'schema', c.relnamespace) FROM pg_class c
  WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
  UNION ALL SELECT concat_ws('|', 'large', EXISTS (SELECT FROM pg_largeobject_metadata))
) AS parts
"""
_MARIADB = """
SELECT concat_ws('|', table_name, column_name, column_type, is_nullable, column_key, ordinal_position,
  collation_name) AS part
FROM information_schema.columns WHERE table_schema = coalesce(:schema, database())
UNION ALL SELECT concat_ws('|', constraint_schema, constraint_name, table_name, delete_rule)
FROM information_schema.referential_constraints WHERE coalesce(:schema, database())
  IN (constraint_schema, unique_constraint_schema)
UNION ALL SELECT concat_ws('|', table_name, table_type) FROM information_schema.tables
WHERE table_schema = coalesce(:schema, database())
ORDER BY part
"""
FINGERPRINTS: Mapping[str, str] = {
    "postgresql": _POSTGRESQL,
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
    "sqlite": "PRAGMA schema_version",
}
LARGE_OBJECTS = "SELECT EXISTS (SELECT FROM pg_largeobject_metadata)"
"""Whether a PostgreSQL database has any: data of its own, which a column of the type `oid` only names."""
DOMAINS = """
WITH RECURSIVE narrowed AS (
  SELECT oid AS domain, typbasetype AS of, typtypmod AS modifier FROM pg_type WHERE typtype = 'd'
  UNION ALL SELECT domain, typbasetype, greatest(modifier, typtypmod) FROM narrowed JOIN pg_type t ON t.oid = of
  WHERE typtype = 'd'
)
SELECT relname, attname, modifier - 4 FROM narrowed JOIN pg_attribute ON atttypid = domain
JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE of IN ('varchar'::regtype, 'bpchar'::regtype) AND modifier > 4 AND nspname = coalesce(:schema, current_schema())
"""
"""How many characters a column takes whose type is a domain."""
PARTITIONS = """
SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relispartition AND nspname = coalesce(:schema, current_schema())
"""
PARTIAL = """
SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid <> 0 AND nspname = coalesce(:schema, current_schema())
"""
"""References that a partitioned table's own stand for: each to one partition of it, with the table and its name."""
FOREIGN = """
SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'f' AND NOT relispartition AND nspname = coalesce(:schema, current_schema()) ORDER BY relname
"""
SQLITE_UNIQUE = """
SELECT m.name, min(i.name) FROM sqlite_master m, pragma_index_list(m.name) l, pragma_index_info(l.name) i
WHERE m.type = 'table' AND l."unique" AND NOT l.partial GROUP BY m.name, l.name HAVING count(*) = 1
"""
SQLITE_DECLARED = """
SELECT m.name, p.name, p.type FROM sqlite_master m, pragma_table_xinfo(m.name) p WHERE m.type IN ('table', 'view')
"""
SQLITE_COLLATED = "SELECT name FROM sqlite_master WHERE type = 'table' AND lower(sql) LIKE '%collate%'"
MARIADB_JSON = """
SELECT table_name, check_clause FROM information_schema.check_constraints
WHERE constraint_schema = coalesce(:schema, database())
"""
MARIADB_REFERENCES = """
SELECT k.constraint_name, k.table_name, k.column_name, nullif(k.referenced_table_schema, database()),
  k.referenced_table_name, k.referenced_column_name, r.delete_rule
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = coalesce(:schema, database()) AND k.referenced_table_name IS NOT NULL
ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
"""Every reference, a row a column of it; the schema that it leads to, where that is not the connection's own."""
MARIADB_CHARSETS = """
SELECT table_name, column_name, character_set_name FROM information_schema.columns
WHERE table_schema = coalesce(:schema, database()) AND character_set_name NOT LIKE 'utf8%'
"""
MARIADB_COLUMNS = """
SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = coalesce(:schema, database()) AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
"""

MATERIALISED = "materialised"
"""A table of the catalogue that is a copy of others, which nobody can write to."""
INHERITED = "inherited"
"""A table whose rows are also those of another, which inherits from it, or the other way round."""
HIDDEN = "hidden"
"""A table of which row security shows the connection's user some rows only, as far as can be told."""
VERSIONED = "versioned"
"""A table of which the database keeps what its rows were before."""

_POSTGRESQL_KINDS = """
WITH here AS (
  SELECT c.oid, c.relname, c.relkind, c.relrowsecurity FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE nspname = coalesce(:schema, current_schema()) AND NOT c.relispartition
), reading AS (
  SELECT polrelid, polpermissive, pg_get_expr(polqual, polrelid) AS shows FROM pg_policy
  WHERE polcmd IN ('*', 'r') AND (0 = ANY (polroles)
    OR EXISTS (SELECT FROM unnest(polroles) AS role WHERE role <> 0 AND pg_has_role(role, 'USAGE')))
)
SELECT relname, 'materialised' FROM here WHERE relkind = 'm'
UNION SELECT relname, 'inherited' FROM here JOIN pg_inherits ON oid = inhrelid OR (oid = inhparent AND relkind = 'r')
UNION SELECT relname, 'hidden' FROM here WHERE relrowsecurity AND row_security_active(oid) AND (
  NOT EXISTS (SELECT FROM reading WHERE polrelid = oid AND polpermissive AND shows = 'true')
  OR EXISTS (SELECT FROM reading WHERE polrelid = oid AND NOT polpermissive))
"""
_MARIADB_KINDS = """
WITH RECURSIVE kept AS (
  SELECT table_name AS name FROM information_schema.tables
  WHERE table_type = 'SYSTEM VERSIONED' AND table_schema = coalesce(:schema, database())
  UNION SELECT table_name FROM information_schema.views JOIN kept
  ON view_definition = '' OR locate(concat('`', replace(name, '`', '``'), '`'), view_definition) > 0
  WHERE table_schema = coalesce(:schema, database())
)
SELECT name, 'versioned' FROM kept
"""
KINDS: Mapping[str, str] = {
    "postgresql": _POSTGRESQL_KINDS, "mysql": _MARIADB_KINDS, "mariadb": _MARIADB_KINDS,
}  # fmt: skip
"""Of which kind tables are, where they themselves do not say it: each with what it is."""

SCHEMAS = """
SELECT DISTINCT nspname, nspname = current_schema() FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'm', 'f') AND NOT relispartition AND nspname <> coalesce(:schema, current_schema())
  AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY nspname
"""
"""The other schemas of a PostgreSQL database that have tables, extensions' own aside; and which is the connection's."""
BESIDE = "beside"
"""The other schemas, noted with the tables: each its name, and None in its place where it is the connection's own."""

UNREAD = "unread"
"""The columns that a library does not read, each with its table, noted with the tables: they have odd names."""
REFERRED_FROM = "referred_from"
"""The tables of other schemas that refer to a table: each its schema and name."""

_POSTGRESQL_REFERRING = """
SELECT r.relname, n.nspname, c.relname FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace m ON m.oid = r.relnamespace
WHERE k.contype = 'f' AND m.nspname = coalesce(:schema, current_schema()) AND n.oid <> m.oid AND NOT c.relispartition
ORDER BY n.nspname, c.relname
"""
_MARIADB_REFERRING = """
SELECT referenced_table_name, constraint_schema, table_name FROM information_schema.referential_constraints
WHERE unique_constraint_schema = coalesce(:schema, database()) AND constraint_schema <> unique_constraint_schema
ORDER BY constraint_schema, table_name
"""
REFERRING: Mapping[str, str] = {
    "postgresql": _POSTGRESQL_REFERRING, "mysql": _MARIADB_REFERRING, "mariadb": _MARIADB_REFERRING,
}  # fmt: skip
"""Tables that other schemas refer to, each with the schema and name of what refers to it."""
