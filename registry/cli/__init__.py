"""The command line: parse, open the registry, call one flow, render for people or as JSON."""
