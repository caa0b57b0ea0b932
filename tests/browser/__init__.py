"""The pages in a real browser, from a real faucet on a dev chain."""
