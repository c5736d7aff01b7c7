"""Coverage-guided fuzzing of every reader of stored or foreign bytes: it reads, or refuses in our own words."""
