"""What other parts of the product use of sign-in: making users and tokens."""

from musekit.auth.accounts import sign_up
from musekit.auth.tokens import create as create_token

__all__ = ["create_token", "sign_up"]
