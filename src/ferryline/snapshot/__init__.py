"""Snapshots: what a replica holds as one proven whole, and how that becomes visible.

`pipeline` publishes with it, `reader` and `cli` look with it. Pure parts: rows, chunks, identities,
documents, differences, prune plans. Storage is reached through the few verbs that `shelf` asks for.
It proves nothing and copies no object of the dataset.
"""
