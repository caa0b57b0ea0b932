"""Nodes that lie, and what no lie achieves."""
