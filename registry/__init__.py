"""Registry: a privacy-first consent and profile registry."""
