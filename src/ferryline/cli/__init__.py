"""Hands: parse, call, print. No logic worth testing twice.

One file per command; commands never import one another. `main` is the error boundary.
"""
