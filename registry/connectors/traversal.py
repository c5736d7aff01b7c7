"""Finding a person's rows across tables and databases: which values lead where (pure).

Semi-naive evaluation: only values that are new lead on, so that every value is asked for once and
circles of references come to an end by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from registry.connectors.datasets import Address, Dataset
from registry.model.message import Identifier

Values = dict[Address, set[Hashable]]


class Traversal:
    """What is known so far of where a person's rows are.

    Attributes:
        found: by field, the values by which rows of its table are the person's.
        rank: by dataset, in which round it was first reached.
    """

    def __init__(self, datasets: Sequence[Dataset], people: Sequence[Identifier]) -> None:
        self.found: Values = defaultdict(set)
        self.rank: dict[str, int] = {}
        self._round = 0
        self._new: Values = defaultdict(set)
        self._leads: dict[Address, list[Address]] = defaultdict(list)
        self._by_kind: dict[str, list[Address]] = defaultdict(list)
        self._kinds: dict[Address, str] = {}
        for field in (field for dataset in datasets for field in dataset.fields):
            if field.identity is not None:
                self._by_kind[field.identity].append(field.address)
                self._kinds[field.address] = field.identity
            if field.references is not None:
                self._leads[field.references].append(field.address)
        for person in people:
            self._lead(self._by_kind[person.kind], [person.value])

    def wanted(self, dataset: str, table: str) -> list[str]:
        """The columns of a table whose values lead on."""
        here = {
            address for address in [*self._leads, *self._kinds] if (address.dataset, address.table) == (dataset, table)
        }
        return sorted(address.field for address in here)

    def next(self) -> dict[Address, list[Hashable]]:
        """The fields to ask next, each with the values not asked for yet; none when all is found."""
        asked = {address: sorted(values, key=repr) for address, values in self._new.items() if values}
        for address in asked:
            self.rank.setdefault(address.dataset, self._round)
        self._round += 1
        self._new = defaultdict(set)
        return asked

    def saw(self, address: Address, values: Iterable[Hashable]) -> None:
        """Note values of a field in rows of the person."""
        seen = [value for value in values if value is not None]
        self._lead(self._leads.get(address, []), seen)
        if address in self._kinds:
            self._lead(self._by_kind[self._kinds[address]], seen)

    def selectors(self, dataset: str, table: str) -> dict[str, list[Hashable]]:
        """By column, the values that make a row of this table the person's."""
        return {
            address.field: sorted(values, key=repr)
            for address, values in self.found.items()
            if (address.dataset, address.table) == (dataset, table) and values
        }

    def _lead(self, addresses: Iterable[Address], values: Iterable[Hashable]) -> None:
        values = list(values)
        for address in addresses:
            new = set(values) - self.found[address]
            self.found[address] |= new
            self._new[address] |= new
