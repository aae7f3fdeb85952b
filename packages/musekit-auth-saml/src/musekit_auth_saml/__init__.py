"""Sign-in by an organization's own SAML identity provider."""
