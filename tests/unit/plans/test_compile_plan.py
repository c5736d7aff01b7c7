"""Which plans compile, and that the refusal of the others says where."""

from __future__ import annotations

import pytest
from plan_values import HEAD, ecommerce, ecommerce_document, identify, kept, modes, small, small_document, track

from registry.documents import parse
from registry.model.errors import DocumentInvalid
from registry.model.message import CallType
from registry.plans.codegen import Language, generate
from registry.plans.compile import compile_plan
from registry.plans.diff import diff
from registry.plans.enforcement import Enforcement, Mode
from registry.plans.lint import lint


def faults(rest: str) -> list[tuple[str, str]]:
    with pytest.raises(DocumentInvalid) as caught:
        compile_plan(parse(HEAD + rest, file="small.yaml"))
    assert all(fault["file"] == "small.yaml" and int(str(fault["line"])) >= 4 for fault in caught.value.faults)
    return [(str(fault["pointer"]), str(fault["reason"])) for fault in caught.value.faults]


def thing(properties: str) -> str:
    return f"events:\n  - type: track\n    name: Thing Done\n    properties: {properties}\n"


@pytest.mark.parametrize(
    "reference",
    ["http://127.0.0.1:9/schema.json", "file:///etc/passwd", "other.json", "#/$defs/absent", "#/events/0", "#"],
)
def test_a_reference_that_leaves_the_plan_or_leads_nowhere_is_refused(reference: str) -> None:
    (fault,) = faults(thing(f"{{a: {{$ref: '{reference}'}}}}"))
    assert fault == ("/events/0/properties/a/$ref", "refers to none of this plan's definitions (#/$defs/NAME)")


@pytest.mark.parametrize("keyword", ["$id", "$schema", "$anchor", "$dynamicRef", "$recursiveRef", "$defs"])
def test_nothing_may_change_what_a_reference_means(keyword: str) -> None:
    (fault,) = faults(thing(f"{{a: {{type: string, {keyword}: 'http://other.example/'}}}}"))
    assert fault[0] == f"/events/0/properties/a/{keyword}"


@pytest.mark.parametrize("schema", ["true", "false"])
def test_what_is_declared_is_described_and_not_merely_allowed(schema: str) -> None:
    said = "is no object: what is declared is described"
    assert faults(thing(f"{{a: {schema}}}")) == [("/events/0/properties/a", said)]
    inner = thing(f"{{a: {{properties: {{b: {schema}}}}}}}")
    assert faults(inner) == [("/events/0/properties/a/properties/b", said)]
    reference = thing("{a: {$ref: '#/$defs/d'}}")
    assert faults(f"definitions: {{d: {schema}}}\n{reference}") == [("/definitions/d", said)]
    assert faults(f"context: {{properties: {{a: {schema}}}}}\nevents: []") == [("/context/properties/a", said)]


INSIDE = [
    "items: {0}", "anyOf: [{0}, {{type: string}}]", "anyOf: [{{properties: {{b: {0}}}}}]", "not: {0}",
    "prefixItems: [{0}]", "additionalProperties: {0}", "patternProperties: {{x: {0}}}", "if: {0}", "contains: {0}",
]  # fmt: skip


@pytest.mark.parametrize("schema", ["true", "false"])
@pytest.mark.parametrize("place", INSIDE)
def test_inside_a_declaration_a_schema_may_be_a_yes_or_no(place: str, schema: str) -> None:
    stated = f"{{a: {{{place.format(schema)}}}}}"
    parsed = parse(HEAD + f"context: {{properties: {stated}}}\n" + thing(stated), file="small.yaml")
    plan = compile_plan(parsed)
    for value in (1, "x", [], [1], {}, {"b": 1}, {"x": {}}):
        plan.check(track({"a": value}), Enforcement(violations=Mode.OMIT))
    lint(parsed, plan)
    diff({**parsed.value, "events": []}, parsed.value)
    for language in Language:
        generate(parsed.value, language)


def test_a_definition_that_leads_back_to_itself_is_refused() -> None:
    rest = "definitions:\n  a: {$ref: '#/$defs/b'}\n  b: {type: object, properties: {c: {$ref: '#/$defs/a'}}}\n"
    assert ("/definitions/a", "leads back to itself: a plan's data has a depth") in faults(rest + "events: []")


def test_definitions_that_double_are_refused_before_they_are_written_out() -> None:
    lines = [
        f"  d{n}: {{type: array, prefixItems: [{{$ref: '#/$defs/d{n + 1}'}}, {{$ref: '#/$defs/d{n + 1}'}}]}}\n"
        for n in range(24)
    ]
    rest = "definitions:\n" + "".join(lines) + "  d24: {type: string}\n" + thing("{a: {$ref: '#/$defs/d0'}}")
    assert any("schemas when its references are written out" in reason for _, reason in faults(rest))


def test_depth_is_bounded_also_through_references() -> None:
    deep = "{type: string}"
    for _ in range(40):
        deep = f"{{type: array, items: {deep}}}"
    assert any("nested deeper" in reason for _, reason in faults(thing(f"{{a: {deep}}}")))
    chain = [f"  d{n}: {{type: array, items: {{$ref: '#/$defs/d{n + 1}'}}}}\n" for n in range(40)]
    rest = "definitions:\n" + "".join(chain) + "  d40: {type: string}\n" + thing("{a: {$ref: '#/$defs/d0'}}")
    assert any("nested deeper" in reason for _, reason in faults(rest))


@pytest.mark.parametrize("pattern", ["(?=a)b", "(a)\\1", "(?<!a)b", "(((a{999}){999}){999})", "a(", "x" * 1001])
def test_a_pattern_without_linear_time_or_bounded_memory_is_refused(pattern: str) -> None:
    as_value = faults(thing(f"{{a: {{type: string, pattern: '{pattern}'}}}}"))
    as_name = faults(thing(f"{{a: {{type: object, patternProperties: {{'{pattern}': {{type: string}}}}}}}}"))
    assert [pointer.split("/")[5] for pointer, _ in as_value + as_name] == ["pattern", "patternProperties"]


def test_a_pattern_that_stalls_backtracking_engines_is_matched_at_once() -> None:
    plan = small(thing("{a: {type: string, pattern: '^(a+)+$'}}"))
    verdict = plan.check(track({"a": "a" * 20_000 + "!"}), modes())
    assert not verdict.accepted


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ("{type: strng}", "/type"),
        ("{type: string, format: emial}", "/format"),
        ("{type: number, minimum: low}", "/minimum"),
        ("{type: object, properties: {b: {type: object, required: b}}}", "/properties/b/required"),
    ],
)
def test_what_is_no_json_schema_is_refused_at_its_place(schema: str, place: str) -> None:
    (fault,) = faults(thing(f"{{a: {schema}}}"))
    assert fault[0] == f"/events/0/properties/a{place}"
    assert fault[1].startswith("is no valid JSON Schema")


def test_every_fault_is_reported_at_once_with_its_line() -> None:
    rest = (
        "definitions:\n  bad: {type: strng}\n"
        "context:\n  properties:\n    ip: {$ref: '#/$defs/none'}\n"
        "events:\n  - {type: track, name: A, properties: {a: {pattern: '('}}}\n  - {type: track, name: A}\n"
    )
    with pytest.raises(DocumentInvalid) as caught:
        compile_plan(small_document(rest))
    places = {(fault["line"], fault["pointer"]) for fault in caught.value.faults}
    assert {
        (5, "/definitions/bad/type"),
        (8, "/context/properties/ip/$ref"),
        (10, "/events/0/properties/a/pattern"),
        (11, "/events/1"),
    } <= places


def test_an_event_or_an_id_stands_once() -> None:
    rest = "events:\n  - {type: track, name: Thing Done}\n  - {type: track, name: Thing done}\n"
    assert faults(rest) == [("/events/1", "the id thing_done is another event's")]


def test_what_is_required_must_be_declared() -> None:
    rest = "events:\n  - {type: track, name: Thing Done, properties: {a: {type: string}}, required: [a, b]}\n"
    assert faults(rest) == [("/events/0/required/1", "requires b, which is not declared")]


@pytest.mark.parametrize(
    "properties",
    [
        "{a: {type: object, properties: {b: {type: string, x-purposes: [marketing]}}}}",
        "{a: {type: array, items: {type: string, x-purposes: [marketing]}}}",
        "{a: {anyOf: [{type: string, x-purposes: [marketing]}]}}",
        "{a: {type: array, items: {$ref: '#/$defs/promised'}}}",
    ],
)
def test_purposes_are_refused_where_they_would_go_unheeded(properties: str) -> None:
    rest = "definitions:\n  promised: {type: string, x-purposes: [marketing]}\n" + thing(properties)
    assert len(faults(rest)) == 1


def test_beside_a_reference_only_annotations_may_stand() -> None:
    rest = "definitions:\n  word: {type: string, maxLength: 5}\n"
    (fault,) = faults(rest + thing("{a: {$ref: '#/$defs/word', maxLength: 9}}"))
    assert fault[0] == "/events/0/properties/a/maxLength"
    plan = small(rest + thing("{a: {$ref: '#/$defs/word', description: A word., x-purposes: [marketing]}}"))
    assert not plan.check(track({"a": "longer"}), modes()).accepted
    assert plan.purposes == {"service", "marketing"}


def test_fields_may_be_named_like_keywords() -> None:
    names = "type properties items pattern required $ref additionalProperties".split()
    plan = small(thing("{" + ", ".join(f"{name}: {{type: string}}" for name in names) + "}"))
    verdict = plan.check(track(dict.fromkeys(names, "x")), modes())
    assert (verdict.accepted, verdict.violations) == (True, ())


def test_objects_are_closed_at_every_depth_unless_they_say_otherwise() -> None:
    inner = "properties: {b: {type: string}}"
    plan = small(
        thing(
            f"{{a: {{type: object, {inner}}}, l: {{type: array, items: {{{inner}}}}}, "
            f"o: {{additionalProperties: true, {inner}}}}}"
        )
    )
    verdict = plan.check(track({"a": {"b": "1", "z": 1}, "l": [{"z": 1}, {"b": "2"}], "o": {"z": 1}}), modes())
    assert kept(verdict)["properties"] == {"a": {"b": "1"}, "l": [{}, {"b": "2"}], "o": {"z": 1}}
    assert verdict.omitted == 2


def test_a_branch_does_not_refuse_the_names_beside_it() -> None:
    rest = "definitions:\n  based: {type: object, properties: {a: {type: string}}, required: [a]}\n"
    plan = small(rest + thing("{o: {type: object, properties: {a: {}, b: {}}, allOf: [{$ref: '#/$defs/based'}]}}"))
    assert plan.check(track({"o": {"a": "1", "b": 2}}), modes()).violations == ()
    assert not plan.check(track({"o": {"a": 1}}), modes()).accepted


def test_the_drafts_decide_as_their_names_say() -> None:
    tuple_of_two = thing("{a: {type: array, items: [{type: string}, {type: integer}]}}")
    old = compile_plan(parse(HEAD + "dialect: draft-07\n" + tuple_of_two, file="small.yaml"))
    assert old.check(track({"a": ["x", 1]}), modes()).accepted
    assert not old.check(track({"a": [1, "x"]}), modes()).accepted
    assert faults(tuple_of_two)[0][1].startswith("is no valid JSON Schema")


def test_common_fields_hold_for_every_event_and_are_pointed_at_where_they_stand() -> None:
    plan = small(
        "common:\n  properties: {shop: {type: string}}\n  required: [shop]\n"
        "events:\n  - {type: track, name: Thing Done, properties: {a: {type: string}}, required: [shop]}\n"
    )
    assert plan.check(track({"shop": "s", "a": "x"}), modes()).accepted
    (violation,) = plan.check(track({"shop": 1}), modes()).violations
    assert (violation.path, violation.rule) == ("/properties/shop", "/common/properties/shop/type")
    (missing,) = plan.check(track({"a": "x"}), modes()).violations
    assert (missing.code, missing.path) == ("required_missing", "/properties/shop")


def test_a_plan_knows_its_name_modes_and_purposes() -> None:
    plan = small("enforcement: {unplanned_properties: block}\nevents:\n  - {type: page, purposes: [analytics]}\n")
    assert plan.identity == "small@1.2.3"
    assert plan.enforcement == Enforcement(Mode.BLOCK, Mode.BLOCK, Mode.BLOCK)
    assert plan.enforcement.override(violations="allow").violations is Mode.ALLOW
    assert plan.purposes == {"service", "analytics"}
    assert plan.rules[(CallType.PAGE, "")].event == "page"


def test_a_value_without_a_file_compiles_alike() -> None:
    from_value = compile_plan(ecommerce_document().value)
    assert from_value.field_declarations() == ecommerce().field_declarations()
    with pytest.raises(DocumentInvalid):
        compile_plan({"plan": "p", "version": "1.0.0", "purposes": ["a"], "definitions": {"d": {"$ref": "#/$defs/d"}}})


def test_each_annotated_field_is_declared_for_the_census() -> None:
    plan = small(
        "definitions:\n  place: {type: object, properties: {lat: {type: number, x-sensitivity: high}}}\n"
        "identify:\n  purposes: [service, marketing]\n  categories: [user.account]\n  traits:\n    properties:\n"
        "      home: {$ref: '#/$defs/place', x-categories: [user.location], x-retention: P30D, x-purposes: [service]}\n"
        "      plan: {type: string, x-personal: false}\n"
        "      devices: {type: array, items: {type: object, properties: {id: {x-identifier: device_id}}}}\n"
        "events: []\n"
    )
    found = {d.pointer: d for d in plan.field_declarations()}
    assert list(found) == [
        "/identify/traits/properties/home",
        "/definitions/place/properties/lat",
        "/identify/traits/properties/plan",
        "/identify/traits/properties/devices",
        "/identify/traits/properties/devices/items/properties/id",
    ]
    home, lat, plan_trait, _, device = found.values()
    assert (home.purposes, home.categories, home.retention) == ({"service"}, ("user.location",), "P30D")
    assert (lat.purposes, lat.categories, lat.retention, lat.sensitivity) == (
        {"service"}, ("user.location",), "P30D", "high",
    )  # fmt: skip
    assert (plan_trait.personal, plan_trait.categories) == (False, ("user.account",))
    assert (device.identifier, device.purposes) == ("device_id", {"service", "marketing"})


def test_identifiers_are_found_inside_objects_and_lists() -> None:
    plan = small(
        "identify:\n  traits:\n    properties:\n"
        "      contact: {type: object, properties: {mail: {type: string, x-identifier: email}}}\n"
        "      devices: {type: array, items: {type: object, properties: {id: {x-identifier: device_id}}}}\n"
        "events: []\n"
    )
    traits = {"contact": {"mail": "a@shop.example"}, "devices": [{"id": "d-1"}, {"id": 7}, {}, {"id": "d-2"}]}
    expected = (("email", "a@shop.example"), ("device_id", "d-1"), ("device_id", "d-2"))
    assert plan.check(identify(traits), modes()).identifiers == expected


def test_trait_purposes_are_those_declared_and_none_for_what_is_unknown() -> None:
    assert ecommerce().trait_purposes("email") == {"service", "marketing"}
    assert ecommerce().trait_purposes("loyalty_tier") == {"marketing"}
    assert ecommerce().trait_purposes("shoe_size") == frozenset()
    assert small("events: []\n").trait_purposes("email") == frozenset()
