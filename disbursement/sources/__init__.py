"""Completion records from where they are; one module a kind, one table out."""
