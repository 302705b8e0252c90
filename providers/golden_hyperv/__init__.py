"""Hyper-V hosts as a provider of golden's, by PowerShell remoting; what that needs is imported when one is opened."""

from __future__ import annotations

from golden_hyperv.opening import PROVIDER

__all__ = ["PROVIDER"]
