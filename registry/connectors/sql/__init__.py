"""Databases outside that SQLAlchemy reaches: described field by field, found, given out, erased, looked through again.

A database is one linked system. `catalogue` knows what stands in it, `selecting` which rows are a person's,
`erasing` is the one transaction that changes anything, `looking` is the second look, which shares nothing with it.
"""
