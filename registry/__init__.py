"""Registry: a privacy-first consent and profile registry."""

__version__ = "0.1.0"
