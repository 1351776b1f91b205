"""What a cycle leaves for people to read and for auditors to check: the report, the evidence pack, and its verifier."""
