"""The shared words: ids, messages, provenance, sealed values, decisions and errors.

Everything else may import this room; it imports nothing of registry. It holds values and their
construction, never rules, I/O, clocks or randomness.
"""
