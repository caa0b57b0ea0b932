"""A relay between the faucet and a node that lies on demand."""
