"""Pure parts, without files, sockets or processes."""
