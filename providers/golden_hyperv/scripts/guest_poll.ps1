# Whether a process of a guest is there.
param(
    [Parameter(Mandatory)] [guid] $VMId,
    [Parameter(Mandatory)] [pscredential] $Credential,
    [Parameter(Mandatory)] [int] $Process
)
$ErrorActionPreference = 'Stop'
Invoke-Command -VMId $VMId -Credential $Credential -ArgumentList $Process -ScriptBlock {
    param([int] $Process)
    $found = Get-Process -Id $Process -ErrorAction SilentlyContinue
    [pscustomobject]@{ Failed = ''; Running = ($null -ne $found) }
}
