"""The words: frozen values that every room shares.

No input or output, no async, no logging. A value says what something is, never what to do with
it. Columnar values (pages) are Arrow record batches whose schemas live in `page`.
"""
