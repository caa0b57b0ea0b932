"""What several tests and the bench share."""
