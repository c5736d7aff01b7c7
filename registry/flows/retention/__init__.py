"""What has lost its ground, or was kept for long enough, is destroyed."""
