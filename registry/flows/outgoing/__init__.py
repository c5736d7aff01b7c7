"""What leaves Registry: webhooks, destinations, alerts."""
