"""What ``benchmarks.soak`` runs: loads that go on and on, what is sampled beside them, and the clients in another process."""
