"""Speed and memory of Ferryline, as ratios against rclone in the same run. Start at `benchmarks.run`.

Nothing here is imported by the package, and only `ledger_seed` imports from it.
"""
