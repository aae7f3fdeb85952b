"""Is the product set up? The page of the operator."""
