"""Connectors of one's own: Python that is installed beside Registry, found by its entry point.

A package declares a factory in the group `registry.connectors`; a reviewed file names it. The factory is given the
connector's name, its settings and its secrets, and returns what fulfils `registry.dsr.plan.LinkedSystem`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from registry.documents.document import Document
from registry.dsr.plan import LinkedSystem
from registry.model.errors import SettingInvalid

GROUP = "registry.connectors"
METHODS = ("undecided", "leads", "plan", "run", "remaining", "export", "close")

Factory = Callable[[str, Mapping[str, Any], Mapping[str, str]], LinkedSystem]
"""(name, settings, secrets) -> the system."""


@dataclass(frozen=True, slots=True)
class Custom:
    """What a reviewed file says of such a connector.

    Attributes:
        secrets: by the name that the connector knows it by, the environment variable that holds it.
    """

    name: str
    entry_point: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]

    @classmethod
    def from_document(cls, document: Document) -> Custom:
        """The connector of a document that conforms to `schemas/connector.schema.json`."""
        value: dict[str, Any] = document.value
        return cls(value["connector"], value["entry_point"], value.get("settings", {}), value.get("secrets_from", {}))

    def connect(self, environment: Mapping[str, str]) -> LinkedSystem:
        """The system that the package makes of it.

        Raises:
            SettingInvalid: no package offers it, it cannot be loaded, or what it makes is no linked system.
        """
        offered = {one.name: one for one in entry_points(group=GROUP)}
        if self.entry_point not in offered:
            there = ", ".join(sorted(offered)) or "none"
            raise self._wrong(f"no installed package offers the connector {self.entry_point}; offered: {there}")
        try:
            factory: Factory = offered[self.entry_point].load()
            made = factory(self.name, self.settings, {n: environment[v] for n, v in self.secrets.items()})
        except (Exception, SystemExit) as error:  # noqa: BLE001 - code of somebody's own may raise anything
            raise self._wrong(f"the connector {self.entry_point} failed: {type(error).__name__}") from None
        lacking = [name for name in METHODS if not callable(getattr(made, name, None))]
        if getattr(made, "name", None) != self.name or lacking:
            raise self._wrong(f"{self.entry_point} makes no linked system named {self.name}: {_lacks(lacking)}")
        wanted = list(inspect.signature(LinkedSystem.run).parameters)[1:]
        if list(inspect.signature(made.run).parameters) != wanted:
            raise self._wrong(f"{self.entry_point}: its run does not take {', '.join(wanted)}")
        return made

    def _wrong(self, detail: str) -> SettingInvalid:
        return SettingInvalid(detail, hint="docs/how-to/connect-other-databases.md", pointer="connectors")


def _lacks(names: list[str]) -> str:
    return f"it lacks {', '.join(names)}" if names else "its name is another one"
