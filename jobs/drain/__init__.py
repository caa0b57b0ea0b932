"""The drain: queued jobs become signed transactions, written ahead and broadcast."""
