"""Data subject requests: kinds, states that cannot be skipped, deadlines, retention, accounting.

It promises: a request moves only as `requests.move` allows; a deadline is counted as the law counts
(calendar months, not thirty days); "complete" accounts for every field that is declared.
"""
