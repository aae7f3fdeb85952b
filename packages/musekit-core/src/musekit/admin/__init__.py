"""Pages of the operator: who is here, what they may use, what goes out, how all of it is."""
