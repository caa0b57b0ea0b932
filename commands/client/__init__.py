"""A client of any faucet: a wallet, and signups in bulk."""
