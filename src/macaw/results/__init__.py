"""What an answer is, how raw output becomes it, and how it is drawn."""
