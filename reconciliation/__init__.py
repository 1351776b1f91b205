"""What came back, and whether it adds up.

Responses are archived before they are read, entries are matched by reference and never by luck, differences
become breaks with both values on the row, and proofs say by how many people and rupiah a stage does not add up.
It shares no code with what paid: the two meet only in the ledger.
"""
