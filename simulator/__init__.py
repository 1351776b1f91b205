"""A country to pay: invented people, trainings, banks on SFTP, and their faults.

It knows the shared language and nothing else of ours. It describes banks by itself and reads our files with its
own eyes, so that a mistake in a format shows as a rejected file instead of being agreed to twice.
"""
