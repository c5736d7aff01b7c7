"""Messages that were sent, looked at again: violations, traces, rehearsals of a plan, replay."""
