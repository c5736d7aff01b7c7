"""Where a plan judges otherwise than JSON Schema's own words, each with its reason. All else must be the same.

Held by `test_json_schema_suite` (the public suite) and `test_plan_differential` (schemas made up by
hypothesis, with `jsonschema` as the oracle).
"""

from __future__ import annotations

REFUSED = {
    "refers to none of this plan's definitions": "a plan refers to nothing outside itself, and to definitions by name "
    "only: no remote or file reference, no pointer into the middle of a rule, no reference that leads back to itself",
    "leads back to itself": "data of a plan has a depth: recursive schemas are refused",
    "only annotations may stand beside a reference": "draft-07 ignores what stands beside a reference and 2020-12 does "
    "not: written so, a rule would mean two things",
    "is not allowed here": "$id, $anchor, $dynamicRef and the like change what references mean; definitions stand at "
    "the top of a plan, where they are reviewed once",
    "is not of type object": "true and false as schemas: a field is declared by an object, on which annotations stand",
    "is no pattern that runs in linear time": "look-around and back references can run away: the engine has none",
    "comes to more than": "a few lines of references can be millions of schemas",
    "is nested deeper than": "the depth of schemas is bounded",
    "is no valid JSON Schema": "the engine refuses what the draft's own meta-schema refuses",
    "purposes": "annotations stand where they are heeded",
}
"""Why a schema is refused as a whole: what a fault says -> why that is right."""

FORMAT_IS_ASSERTED = "2020-12 leaves open whether `format` asserts; in a plan it does, as authors expect of it"
CLOSED = "an object takes only what it declares, unless it says `additionalProperties: true`: nothing else comes in"
"""Shown by violations that are `unplanned_property` only."""
