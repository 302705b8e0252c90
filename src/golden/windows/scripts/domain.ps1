# Whether this Windows is a member of a domain (docs/facts: windows 3.2).
# Parameters: none. Result: {"domain"}: its domain, empty where it is in a workgroup.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$computer = Get-CimInstance -ClassName 'Win32_ComputerSystem'
$domain = ''
if ($computer.PartOfDomain) { $domain = [string]$computer.Domain }
[System.IO.File]::WriteAllText($Result, (@{ domain = $domain } | ConvertTo-Json -Compress))
exit 0
