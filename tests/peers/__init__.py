"""Peers: other sides that golden speaks to, as real as they can be had here."""
