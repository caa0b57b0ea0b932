"""Wallets in the field, as they speak."""
