"""The seam: Protocols per verb, one bare backend per provider, one wrapper per concern.

Backends never decide, retry, log or sleep. Only `location` opens backends, only `wrap.stack`
dresses them. Keys are always relative to the folder the store was opened on.
"""
