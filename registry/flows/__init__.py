"""The ways of the data, one file each, to be read from top to bottom.

- `ingest`: messages in; `admission` (what is it, may it come in), `joining` (whose is it), `gate`
  (what may it be used for) and `sealing` (rows of ciphertext) are its parts.
- `read`, `consent`, `dsr`, `export`, `erasure`, `plans`, `verify`: the other ways in and out.
- `deployment` is what they all work with; `keyring`, `workspace` and `trail` stand between keys
  and store, which cannot see each other.

A flow is one transaction of the data database and one append to the audit log. Keys are written
before the data that needs them, and destroyed before the rows that they opened (DESIGN section 5).
"""
