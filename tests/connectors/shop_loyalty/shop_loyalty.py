"""A connector of one's own: loyalty points that a shop keeps in a file of JSON, found by card number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from registry.dsr.accounting import Disposition, FieldAccount
from registry.dsr.plan import CORRECTED, UNTOUCHED, SystemPlan
from registry.dsr.requests import EFFECTS, Effect, Kind
from registry.model.errors import LinkedSystemUnavailable
from registry.model.message import Identifier

FIELDS = ("card", "name", "points")


class Loyalty:
    """The points of every card. Every method may be called again: what is gone is not there a second time."""

    traits = ("first_name",)
    """What a correction writes here."""

    def __init__(self, name: str, file: Path, token: str) -> None:
        self.name = name
        self._file, self._token = file, token

    def undecided(self) -> Sequence[tuple[str, str]]:
        """Fields that the file holds and that this connector does not know."""
        return sorted({("cards", name) for row in self._rows() for name in row if name not in FIELDS})

    def leads(self, people: Sequence[Identifier]) -> Sequence[Identifier]:
        """Nothing more: a card says nothing about other systems."""
        return ()

    def plan(self, kind: Kind, people: Sequence[Identifier]) -> SystemPlan:
        """What would be done with each field."""
        return SystemPlan(self.name, self._accounts(kind, len(self._of(people))), self.undecided())

    def run(
        self, request_id: str, kind: Kind, people: Sequence[Identifier], corrections: Mapping[str, object]
    ) -> Sequence[FieldAccount]:
        """Erase or correct the person's cards."""
        found = self._of(people)
        match EFFECTS[kind]:
            case Effect.ERASE:
                self._write([row for row in self._rows() if row not in found])
            case Effect.CORRECT if "first_name" in corrections:
                named = {"name": corrections["first_name"]}
                self._write([row | named if row in found else row for row in self._rows()])
        return self._accounts(kind, len(found))

    def remaining(self, kind: Kind, people: Sequence[Identifier]) -> Mapping[str, int]:
        """Cards that are still there, by another look at the file."""
        text = self._file.read_text(encoding="utf-8")
        erases = EFFECTS[kind] is Effect.ERASE
        return {"cards": sum(f'"{p.value}"' in text for p in people if p.kind == "card")} if erases else {}

    def export(self, people: Sequence[Identifier]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each card of the person."""
        yield from (("cards", row) for row in self._of(people))

    def close(self) -> None:
        """Nothing is held open."""

    def _of(self, people: Sequence[Identifier]) -> list[dict[str, Any]]:
        cards = {person.value for person in people if person.kind == "card"}
        return [row for row in self._rows() if row["card"] in cards]

    def _rows(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            raise LinkedSystemUnavailable(f"{self.name}: its file is away")
        rows: list[dict[str, Any]] = json.loads(self._file.read_text(encoding="utf-8"))
        return rows

    def _write(self, rows: list[dict[str, Any]]) -> None:
        self._file.write_text(json.dumps(rows), encoding="utf-8")

    def _accounts(self, kind: Kind, rows: int) -> list[FieldAccount]:
        effect = EFFECTS[kind]
        if effect in (Effect.ERASE, Effect.GIVE):
            done = Disposition.ERASED if effect is Effect.ERASE else Disposition.EXPORTED
            return [FieldAccount(self.name, "cards", name, done, rows) for name in FIELDS]
        ground = CORRECTED if effect is Effect.CORRECT else UNTOUCHED
        return [FieldAccount(self.name, "cards", name, Disposition.RETAINED, rows, ground) for name in FIELDS]


def connect(name: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> Loyalty:
    """What the entry point names."""
    return Loyalty(name, Path(settings["file"]), secrets["token"])


def broken(name: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> Loyalty:
    """A connector that cannot be made."""
    raise RuntimeError(f"cannot reach {secrets['token']}")


class Old(Loyalty):
    """A connector of another time, which knows nothing of corrections."""

    def __init__(self, name: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(name, Path(settings["file"]), "")

    def run(self, request_id: str, kind: Kind, people: Sequence[Identifier]) -> Sequence[FieldAccount]:  # type: ignore[override]
        """As it was."""
        return ()
