# Whether WinRM lets in and PowerShell runs. Answers what was asked.
param([Parameter(Mandatory)][string]$Word)
$ErrorActionPreference = 'Stop'
[pscustomobject]@{ Failed = ''; Word = $Word }
