# The limits of WinRM on this host: what a shell and a user may use. Reading them takes an administrator.
param()
$ErrorActionPreference = 'Stop'
foreach ($quota in @(Get-ChildItem -Path 'WSMan:\localhost\Shell')) {
    [pscustomobject]@{ Name = $quota.Name; Value = $quota.Value }
}
