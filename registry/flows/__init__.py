"""The ways of the data, a folder for each, to be read from top to bottom.

- `ingest`: messages in. `pipeline` has the steps; `admission` (what is it, may it come in), `gate` (what may it be
  used for) and `sealing` (rows of ciphertext) are its parts. `traffic`: what came, looked at again.
- `identity`, `consent`, `profiles`: who it is, what it may be used for, what is seen of it. `stewards` correct them.
- `dsr`, `retention`: requests of the persons themselves, and the end of what was kept for long enough.
- `outgoing`, `accountability`: what leaves, and what authorities and auditors are shown.
- `access`, `upkeep`: who is calling, and the installation's own care.
- `acts` is what all of them leave behind; `deployment` what they work with; `keyring`, `opening` and `workspace` stand
  between keys and store, which cannot see each other.

A flow is one transaction of the data database and one append to the audit log. Keys are written
before the data that needs them, and destroyed before the rows that they opened (DESIGN section 5).
"""
