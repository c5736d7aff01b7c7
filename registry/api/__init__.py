"""HTTP: parse, authenticate, call one flow, render. No decision is taken here.

`problems` is the one table from errors to status codes; `bodies` bounds what is read; the routes
stand in `collect` (tracking), `consent`, `changes`, `profiles`, `dsr`, `administration` and `operations`.
"""
