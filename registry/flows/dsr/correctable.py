"""What may be corrected, and to what: as the workspace's plans declare their traits, before anything is taken in.

1. declared   by a published plan: a value of the form that one of the plans declares
2. linked     by no plan, but by a system outside, whose description says that a field holds it: one plain value
3. let in     by neither, where a source lets in what nobody planned: whatever came in so may be wrong, too

Anything else is refused: what no way in would take reaches no profile by way of a correction (DESIGN invariant 2).
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from registry.dsr.plan import traits_of
from registry.flows import plans
from registry.flows.deployment import Deployment
from registry.flows.workspace import OpenWorkspace
from registry.model.errors import InvalidInput, PlanNotFound
from registry.model.message import Violation
from registry.model.stored import Source
from registry.plans.enforcement import Mode
from registry.plans.traits import declared, is_line, violations
from registry.store import administration

PLACE = "/details/traits"
_PLAIN = (str, int, float)


class Correctable:
    """The traits of a workspace's people that may be corrected, as its plans and sources are now."""

    def __init__(self, deployment: Deployment, workspace: OpenWorkspace) -> None:
        workspace_id = workspace.workspace_id
        published = reversed(plans.published(deployment, workspace_id))
        compiled = [plans.compiled(deployment, workspace_id, row.name, row.version) for row in published]
        self._declared = declared(compiled)
        self._linked = traits_of(deployment.linked)
        self._is_open = _lets_unplanned_in(deployment, workspace)

    @property
    def names(self) -> list[str]:
        """The traits that are known by name."""
        return sorted(self._declared.keys() | self._linked)

    @property
    def lines(self) -> list[str]:
        """Those of them whose values can be said in one line of text."""
        return [name for name in self.names if name not in self._declared or is_line(self._declared[name], name)]

    def require(self, traits: Mapping[str, object]) -> None:
        """Go on only with corrections that may be taken in.

        Raises:
            InvalidInput: one is not declared, or its value is not of the declared form; traits that are known are
                named, others are `*`, and no value is.
        """
        found = [fault for trait, value in traits.items() for fault in self._faults(trait, value)]
        if not found:
            return
        faults = [{"pointer": one.path, "reason": one.code, "rule": f"expected: {one.expected}"} for one in found]
        hint = f"the traits are: {', '.join(self.names)}" if any(one.code == _UNKNOWN for one in found) else None
        told = "; ".join(f"{one.path}: expected {one.expected}" for one in dict.fromkeys(found))
        raise InvalidInput(told, pointer=found[0].path, hint=hint, extra={"faults": faults})

    def read(self, trait: str, text: str) -> object:
        """The value that a line of text stands for: itself, or as JSON where the plan declares another type.

        Raises:
            InvalidInput: the name or the text is empty.
        """
        if not trait or not text:
            raise InvalidInput("name the trait, and its right value", pointer=PLACE)
        if not self._faults(trait, text):
            return text
        try:
            value: object = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        return text if self._faults(trait, value) else value

    def _faults(self, trait: str, value: object) -> list[Violation]:
        rules = self._declared.get(trait, ())
        if rules:
            return [one._replace(path=f"/details{one.path}") for one in violations(rules, trait, value)]
        if trait in self._linked:
            expected = "a text, a number, true or false"
            return [] if isinstance(value, _PLAIN) else [Violation("type_mismatch", f"{PLACE}/{trait}", "", expected)]
        if self._is_open and trait.strip():
            return []
        return [Violation(_UNKNOWN, f"{PLACE}/*", "", "a trait that a plan declares, or a linked system holds")]


_UNKNOWN = "unplanned_property"


def _lets_unplanned_in(deployment: Deployment, workspace: OpenWorkspace) -> bool:
    """Whether a source of the workspace takes in what no plan declares."""
    with deployment.data.read(workspace.workspace_id) as transaction:
        sources = administration.sources(transaction, workspace.workspace_id)
    return any(_takes_unplanned(deployment, source) for source in sources)


def _takes_unplanned(deployment: Deployment, source: Source) -> bool:
    workspace_id, name = source.workspace_id, source.plan_name
    try:
        version = plans.resolved(deployment, workspace_id, name, source.plan_version)
        plan = plans.compiled(deployment, workspace_id, name, version)
    except PlanNotFound:
        return False
    modes = plan.enforcement.override(unplanned_properties=source.unplanned_properties)
    return modes.unplanned_properties is Mode.ALLOW
