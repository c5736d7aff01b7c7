"""Who is who: from the identifiers of messages to groups that are one person each.

`rules` reads `policies/identity.yaml`, `normalise` and `extract` take identifiers out of a message,
`resolve` joins them, `explain` says which messages joined them. Pure: the same messages in any order
give the same groups, and no group ever holds two identifiers of a kind that is limited to one.
"""
