"""What the user wrote, and the space of tasks it spans."""
