"""Producers, consumers and documents, held to the data in `contracts/`."""
