"""Several streams as one: pipelines, chains, composed and paired streams."""
