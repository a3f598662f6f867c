"""Federated sign-in by OpenID Connect: an issuer is asked, its ID tokens are checked, its claims become a person."""
