"""Benchmarks: each row runs ours and the raw limit, or an empty route, in one run, and prints the ratio."""
