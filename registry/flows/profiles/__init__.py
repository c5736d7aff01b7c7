"""The view of a person, for a purpose, and the audiences that people fall into."""
