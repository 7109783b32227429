"""The parts by themselves, with fakes: no server, no network but loopback, no waiting."""
