"""Tells customers what became of their orders, once each. Knows nothing of prices, stock or payments."""
