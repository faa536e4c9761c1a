"""The tags by which a deployed task is known again: `deploy` writes them, `finding`, `standing` read them."""

POLICY = "ferryline:policy"
DATASET = "ferryline:dataset"
REPLICA = "ferryline:replica"
DIGEST = "ferryline:policy-digest"
"""The digest of the policy (or of a program's arguments) that the task was deployed with."""
