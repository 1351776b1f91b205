"""The training platforms' side of the wire: how their HTTP interface is asked, and told, with patience and without trust."""
