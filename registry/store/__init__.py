"""SQL only: tables, engines, transactions, and one module of queries per aggregate.

It promises, in this order:
- a write is one transaction, durable when `Database.write` returns (SQLite `synchronous=FULL`);
- every query names the workspace first, and every table's key begins with it;
- it never sees plaintext: what is personal arrives sealed or as a keyed hash;
- rows never leave: queries take and return the types of `registry.model`.
"""
