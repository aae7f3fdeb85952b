"""What tests of several packages share: real peers and doubles of networks."""
