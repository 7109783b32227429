"""`make chaos`: orders under load, faults at seeded moments, and a ledger of what became of each order."""
