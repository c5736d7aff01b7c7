"""HTTP services outside, each described by a reviewed file: how it is asked, and what every field of its answers is."""
