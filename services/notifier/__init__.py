"""Emails customers the outcome of their orders, once each. Knows nothing of prices, stock or payments."""
