"""The pages as people meet them: in a real browser, from a real faucet on a dev chain."""
