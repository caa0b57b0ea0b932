"""The HTTP side: the signup endpoint, the API, pages and the operators' pages."""
