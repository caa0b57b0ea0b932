"""Alerts and their mails, metrics, the log, and supervised background tasks."""
