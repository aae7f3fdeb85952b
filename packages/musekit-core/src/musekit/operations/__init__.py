"""What an operator watches: metrics, and whether somebody works."""
