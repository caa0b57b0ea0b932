"""The JSON API: signups, accounts, jobs, health, and its OpenAPI document."""
