"""Test equipment, shipped to others: imported by tests, never by the package itself.

`contract` holds the suite that every backend passes, `hostile` the keys that break tools, `crashing`
kills a real command at its Nth crash point, `dataset` makes training-like data.
"""
