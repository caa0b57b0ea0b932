"""The faucet under a load of signups, while it is killed again and again, and its node does all that nodes can do."""
