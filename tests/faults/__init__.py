"""The real program while nodes, files, clocks and clients fail."""
