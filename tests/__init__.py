"""The tests, by what they start: CONTRIBUTING.md describes the folders."""
