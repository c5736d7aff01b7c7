"""What is known of one person: which of rival values counts, why, and where each came from.

`trust` reads `policies/trust.yaml`, `survivorship` chooses among the assertions of a trait, `view`
lays the single customer view out. Pure: the choice depends on the assertions, never on their order,
and no value is shown without its source, message, times and trust.
"""
