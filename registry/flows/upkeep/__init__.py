"""The installation's own care: rotation, backup, whether all that is sealed still opens."""
