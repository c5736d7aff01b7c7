"""Keys and ciphertext: sealing, key bundles, blind indexes, signatures and the key services behind them.

Promises: every raw cryptographic call is in `primitives`; what was sealed for one record, field and
workspace opens nowhere else; opening takes a grant; no SQL, and no file but the key file of the
`file` key service. Every byte format is in docs/reference/formats.md.
"""
