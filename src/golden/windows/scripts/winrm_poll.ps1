# Whether a process is there.
param([Parameter(Mandatory)][string]$Process)
$ErrorActionPreference = 'Stop'
$found = Get-Process -Id $Process -ErrorAction SilentlyContinue
[pscustomobject]@{ Failed = ''; Running = ($null -ne $found) }
