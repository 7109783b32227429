"""Fulfilment: reserves stock, takes the payment, settles the order. Knows nothing of HTTP or of inboxes."""
