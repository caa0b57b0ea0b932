"""The project's own rules: structure, vocabulary, documents, deployment, bench."""
