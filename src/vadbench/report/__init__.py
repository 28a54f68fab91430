"""What people read: the table of all numbers, and pictures of scores."""
