"""The shared language: columns, tables, codes, money, identifiers and the errors that a person can act on.

A column is defined once, with its Arrow type, unit, meaning and whether it is personal data; tables, SQL,
checks and reference pages are made from that. Everything here is pure but `checks`, which runs a table's
expectations.
"""
