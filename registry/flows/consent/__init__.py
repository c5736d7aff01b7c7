"""Consent: decided, recorded, in bulk; what a refusal closes at once."""
