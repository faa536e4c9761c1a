"""Numbered migrations of the state database; one that was released is never edited."""
