"""A new SQLite database from one script: what all migrations together make of an empty file.

Alembic takes longer to import than to run, and a first start waits for it. The script is written by
`make schema`; a test holds it to the migrations, and a script of another revision than this program's is not used.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path

from registry.store.database import Database
from registry.store.versions import HEADS, Role, version_table

FOLDER = Path(__file__).parent / "migrations"


def script(role: Role) -> Path:
    """Where the script of a database lies."""
    return FOLDER / role / "sqlite.sql"


def apply(database: Database, role: Role) -> bool:
    """Make the schema of an empty SQLite database in one transaction; False where Alembic has to.

    Raises:
        StoreUnavailable: it cannot be written.
    """
    if not database.is_sqlite or not script(role).is_file():
        return False
    first, *statements = script(role).read_text(encoding="utf-8").split(";\n")
    if first != f"-- {role} {HEADS[role]}":
        return False
    with database.owner(writes=True) as transaction:
        if transaction.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar():
            return False
        for statement in statements:
            if statement.strip():
                transaction.exec_driver_sql(statement)
    return True


def written(role: Role) -> str:
    """The script as the migrations would have it now."""
    from registry.store.migrating import run

    with tempfile.TemporaryDirectory(prefix="registry-schema-") as folder:
        file = Path(folder) / "empty.db"
        database = Database(f"sqlite:///{file}")
        run(database, role, "upgrade", "head")
        database.close()
        connection = sqlite3.connect(file)
        made = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        connection.close()
    version = f"INSERT INTO {version_table(role)} VALUES ('{HEADS[role]}')"
    return "".join(f"{text};\n" for text in (f"-- {role} {HEADS[role]}", *(sql for (sql,) in made), version))


def main() -> None:
    """Write the scripts of both databases."""
    for role in HEADS:
        script(role).write_text(written(role), encoding="utf-8")
        print(f"written: {script(role)}", file=sys.stderr)


if __name__ == "__main__":
    main()
