"""One run: the only room that knows every stage.

It introduces the stages to storage and state and holds no rules of its own. Called by `cli` and
by the blocking doors of the package; values flow one way through it.
"""
