"""What is due, and what we sent.

Completion records are taken in, policy decides who is due which tranche, entitlements become instructions,
instructions become batches, people release them, and each file is sent once. `steps` reads as the story. This
room never looks at what came back: that is reconciliation's, and the two meet only in the ledger.
"""
