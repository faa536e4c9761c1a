"""Regions: named places. Dated data and look-ups by name; it reads no policy and calls no service.

`policy` and `residency` call it.
"""
