"""The outside world: what is sent to, and asked of, systems that are not ours.

Nothing here decides what may leave; flows decide, and hand over bytes.
"""
