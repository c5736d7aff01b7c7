"""Who is who: identifiers joined into profiles, and profiles found by them."""
