"""The chain side in the test's own process, on a dev chain moved step by step."""
