"""May it be used: purposes, the ledger of what people said, and the one function that decides.

`purposes` reads `policies/purposes.yaml`, `records` folds the append-only ledger, `decide` answers,
`ground` asks it for many purposes at once, `signals` reads what browsers and consent banners send,
`receipt` says what was recorded. Pure: every past answer can be computed again from the same records,
and joining two people never allows more than both sides allowed.
"""
