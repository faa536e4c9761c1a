"""Numbered migrations of the state database; an applied one is never edited."""
