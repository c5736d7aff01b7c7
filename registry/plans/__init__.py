"""Tracking plans: what an event may be, what each part of it may be used for, and who decides.

`envelope` checks what every call must have; `compile` turns a reviewed plan into validators;
`rule` holds one event against one of them; `lint` reads a plan as a reviewer would. Pure. One engine,
jsonschema-rs, decides everywhere. No violation ever holds a value, nor a name that the plan does not
know: either may be anything.
"""
