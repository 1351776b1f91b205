"""The record: every fact, every byte, in the order in which we learned it.

Rows are only ever added. Keys of the database, not care of the caller, keep one entitlement from having two
open or successful instructions. The archive holds each byte sent or received, the chain makes a change to the
past show, and the keyring is the only place where personal data is sealed and opened.
"""
