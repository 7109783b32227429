"""The operators' command for dead letters: a client of the api's `/v1/dead-letters`."""
