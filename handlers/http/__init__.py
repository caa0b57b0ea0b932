"""What all replies share: headers, errors, paths, preferences, connections and client addresses."""
