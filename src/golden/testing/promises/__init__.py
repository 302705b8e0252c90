"""The promises of the provider contract, by subject."""
