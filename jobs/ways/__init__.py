"""The ways in: what lets a signup in, and what each spends for it."""
