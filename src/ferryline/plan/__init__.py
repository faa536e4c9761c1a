"""Plan: joined pages and rules to actions with reasons, and the guards that refuse dangerous plans.

`pipeline` calls it. It is pure and synchronous but for `examine`, which asks stores what a decision
still needs to know. It performs nothing.
"""
