"""Who is calling: keys, accounts, sessions, visits."""
