"""Trust in nodes: what they claim, whether they are fit, and a second one's confirmation."""
