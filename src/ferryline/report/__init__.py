"""Facts to words and documents: what a run, a plan and a verification tell people and machines.

Called by `pipeline` (facts, folder) and `cli` (documents, text, progress, lines). Nothing here
prints, opens a file, or decides how a run ended.
"""
