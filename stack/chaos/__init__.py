"""`make chaos`: orders under steady load, faults at seeded moments, and a ledger that says what became of each."""
