"""Residency: where bytes may lie and pass, decided by one pure function.

`pipeline`, `config`, `reader` and `deploy` call it, each before it moves or reads a byte. It never
looks anything up by itself: the resolved region of a bucket is an argument.
"""
