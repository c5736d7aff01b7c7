"""Stewards' work: merges explained, taken apart, suggested, decided."""
