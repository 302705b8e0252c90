# Whether PowerShell Direct gets into a running guest.
param(
    [Parameter(Mandatory)] [guid] $VMId,
    [Parameter(Mandatory)] [pscredential] $Credential
)
$ErrorActionPreference = 'Stop'
Invoke-Command -VMId $VMId -Credential $Credential -ScriptBlock {
    'golden'
}
