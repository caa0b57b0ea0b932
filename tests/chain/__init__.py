"""The connection to a node, against sockets that misbehave."""
