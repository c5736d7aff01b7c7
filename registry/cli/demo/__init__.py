"""The demo: the main job from the first event to the erasure certificate, on synthetic data.

`story` tells it, step by step, and checks each; `traffic` is what the synthetic shopper does, sent
with a vendor's own SDK; `server` runs a real server in a process of its own.
"""
