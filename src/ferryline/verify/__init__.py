"""Outcomes and pairs to findings: proves what arrived, compares what is there, repairs nothing.

Called by `pipeline` alone. `prove` turns each `Transferred` into one finding, `audit` reads both
sides of each pair; `sample` chooses which pairs are read, `checking` says how hard to look.
"""
