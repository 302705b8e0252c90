"""The commands of the peer, by subject. A module put here registers its commands by being imported."""
