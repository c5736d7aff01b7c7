"""Who may do what, for which purposes: the access policy, compiled to look-ups.

A denial names the rule that it rests on. What the policy does not allow is denied.
"""
