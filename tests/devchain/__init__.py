"""The dev chain, held to what real nodes answered."""
