"""What a workspace's plans declare of what is stored: the data categories of events, traits and identifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from registry.dsr.holding import FieldCategories
from registry.flows import plans
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import PlanNotFound
from registry.plans.categories import field_categories, other_traits, others, rejected, trait_categories
from registry.plans.compile import CompiledPlan

IDENTIFIER_CATEGORIES = {
    "email": ("user.unique_id", "user.contact.email"),
    "phone": ("user.unique_id", "user.contact.phone_number"),
    "device_id": ("user.unique_id", "user.device.device_id"),
}


class Declared:
    """What the workspace's plans declare of the fields of events and traits, compiled when first asked for."""

    def __init__(self, deployment: Deployment, workspace: OpenWorkspace) -> None:
        self._deployment, self._workspace_id = deployment, workspace.workspace_id
        self._events: dict[tuple[str, str | None], FieldCategories] = {}
        self._others: dict[tuple[str, str | None], tuple[tuple[str, ...], ...]] = {}
        published = plans.published(deployment, workspace.workspace_id)
        compiled = [plans.compiled(deployment, workspace.workspace_id, row.name, row.version) for row in published]
        self._compiled = compiled
        self.traits = trait_categories(compiled)
        self.other_traits = other_traits(compiled)

    def of_event(self, plan: str, event: str | None) -> FieldCategories:
        """The categories of an event's fields; none where no plan declares it."""
        key = (plan, event)
        if key not in self._events:
            found = self._plan(plan) if event else None
            self._events[key] = field_categories(found, event) if found is not None and event else {}
        return self._events[key]

    def others_in(self, plan: str, event: str | None) -> tuple[tuple[str, ...], ...]:
        """Where an event holds data of somebody else, as its plan declares it: paths of names, `*` for each item."""
        key = (plan, event)
        if key not in self._others:
            found = self._plan(plan) if event else None
            self._others[key] = others(found, event) if found is not None and event else ()
        return self._others[key]

    def of_rejected(self, call: Mapping[str, object]) -> tuple[FieldCategories, Collection[tuple[str, ...]]]:
        """The categories of the fields of a message that no plan took in, and where it holds data of somebody else."""
        name = call.get("event") or call.get("name") or ""
        return rejected(self._compiled, str(call.get("type")), str(name))

    def _plan(self, plan: str) -> CompiledPlan | None:
        name, _, version = plan.partition("@")
        try:
            return plans.compiled(self._deployment, self._workspace_id, name, version)
        except PlanNotFound:
            return None


def identifier_categories(kind: str) -> tuple[str, ...]:
    """The data categories of identifiers of a kind."""
    return IDENTIFIER_CATEGORIES.get(kind, ("user.unique_id",))
