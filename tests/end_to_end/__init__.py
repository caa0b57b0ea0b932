"""The real program, from the command line to the chain."""
