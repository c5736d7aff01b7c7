"""Data subject requests, from intake to certificate."""
