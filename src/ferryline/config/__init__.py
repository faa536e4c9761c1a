"""Flags, environment and files to frozen settings, read once, at the top.

Called by `cli` (and by the blocking doors of the package). No room below imports it, and it opens
no location.
"""
