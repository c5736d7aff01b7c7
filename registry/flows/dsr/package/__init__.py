"""The parts of a package: its archive, data with files of its own, every other table, what is kept, the page."""
