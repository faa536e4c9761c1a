"""Listing: stores to joined pages. It checks, divides, joins and sorts; it never writes to a store.

`pipeline` calls it. Every page it hands on was checked; nothing here decides what to do with a key.
"""
