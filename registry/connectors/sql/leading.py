"""What the rows of one database lead to: by what else their person is known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import sqlalchemy as sa

from registry.connectors.datasets import Dataset, Key
from registry.connectors.sql import alike
from registry.connectors.sql.catalogue import described_of, is_whole
from registry.connectors.sql.inherited import require_one_each
from registry.connectors.sql.prepared import reading_keys
from registry.connectors.sql.selecting import Selecting, conditions, leading_columns, may_lead
from registry.connectors.sql.streams import named as reads
from registry.identity.belonging import SHARED, Belonging, Record
from registry.identity.rules import IdentityRules
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier


class Leading:
    """The rows of a described database as what leads on. Safe to share between threads.

    Args:
        keys: those that lead on, wherever they stand.
        rules: by what people are told apart.
        anybodys: those of the keys that rows of others may have as well.
    """

    def __init__(
        self, dataset: Dataset, keys: Collection[Key], rules: IdentityRules, anybodys: Collection[Key]
    ) -> None:
        self.keys = keys
        self._exclusive = [key for key in keys if key not in anybodys]
        self._dataset, self._rules = dataset, rules
        self._was_short = False  # whether something described was away when it was asked where rows lead

    def may_lead(self, people: Sequence[Identifier]) -> bool:
        """Whether any row that these lead to could lead on."""
        return any(may_lead(self._dataset.name, one, self.keys, people) for one in self._dataset.tables.values())

    def asked(
        self,
        connection: sa.Connection,
        tables: Mapping[str, sa.Table],
        people: Sequence[Identifier],
        known: Sequence[Identifier] = (),
    ) -> Iterator[Record]:
        """What the rows carry that these lead to, whoever's they are; that something is away now is kept in mind.

        Args:
            known: by what else the person is known: one of these in other letters, which tell nothing, is it.
        """
        self._was_short |= not is_whole(self._dataset, tables)
        yield from self._carried(connection, tables, people, known)

    def new(
        self, connection: sa.Connection, tables: Mapping[str, sa.Table], people: Sequence[Identifier]
    ) -> list[Identifier]:
        """What the rows lead to, in this transaction, beyond what these people are known by.

        Raises:
            LinkedSystemUnavailable: rows of others have what leads on.
        """
        self.require_no_others(connection, tables, Selecting(connection, people, self._rules))
        known = [one for one in people if not one.kind.startswith(SHARED)]  # what is shared leads nowhere
        return Belonging(self._rules, people).take(self._carried(connection, tables, known))

    def require_nothing_new(
        self, connection: sa.Connection, tables: Mapping[str, sa.Table], people: Sequence[Identifier]
    ) -> None:
        """Go on only if all that the rows lead to was asked about; looked at where something was away once.

        Raises:
            LinkedSystemUnavailable: it was not.
        """
        if self._was_short and self.new(connection, tables, people):
            raise LinkedSystemUnavailable(
                f"{self._dataset.name}: rows of this person were away when it was asked what they lead to",
                hint="it is tried again by itself",
            )

    def require_no_others(
        self, connection: sa.Connection, tables: Mapping[str, sa.Table], selecting: Selecting
    ) -> None:
        """Go on only if no row of somebody else's has a value by which rows of the person's lead on.

        Raises:
            LinkedSystemUnavailable: one has.
        """
        alike.require_no_others(connection, self._dataset, tables, self._exclusive, selecting)

    def _carried(
        self,
        connection: sa.Connection,
        tables: Mapping[str, sa.Table],
        people: Sequence[Identifier],
        known: Sequence[Identifier] = (),
    ) -> Iterator[Record]:
        name, selecting = self._dataset.name, Selecting(connection, people, self._rules, known)
        everybody = Selecting(connection, [*dict.fromkeys([*people, *known])], self._rules)
        for described, table in described_of(self._dataset, tables):
            names = leading_columns(name, described, self.keys)
            if not names:
                continue
            keys = [key for key in self.keys if (key.dataset, key.table) == (name, described.name)]
            followed = [key for key in keys if key not in self._dataset.only_mentioned]
            named, referred = selecting.named(table, described, shared=True), selecting.referred(table, described)
            for chosen, by_key in ((named, False), (referred, True)):
                for where in conditions(table, selecting.settled(table, chosen)):
                    with reads(connection, f"{name}.{described.name}", where, names):
                        found = connection.execute(reading_keys(where, names), where.parameters())
                        rows = [dict(zip(names, row, strict=True)) for row in found]
                    require_one_each(connection, f"{name}.{described.name}", table, followed, rows)
                    exclusive = [key for key in keys if key in self._exclusive] if rows else []
                    of_others = alike.shared(connection, table, described, exclusive, everybody)
                    for record in selecting.records(table, described, keys, rows, referred=by_key):
                        yield record._replace(keys=tuple(one for one in record.keys if one not in of_others))
