"""Messages in: from decoded calls to sealed rows, whole batches at a time."""
