"""SAML for tests: messages as an identity provider signs them, attacks on them, a real provider."""
