"""The pages of the operators, behind a login."""
