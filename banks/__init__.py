"""The other side of the wire: who the banks are, and how to speak with them.

One profile a bank says which formats, limits, folders and keys it wants; `formats` turns tables into a bank's
bytes and a bank's bytes into tables without touching disk or network; `exchange` carries them over SFTP.
Nothing here knows what is due or why.
"""
