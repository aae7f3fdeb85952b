"""What pages of several features share: looks of networks, text with its links, the overview."""
