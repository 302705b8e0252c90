# Take away a half-copied file that VMM does not know, through the share itself, with a credential that comes along.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Share,
    [pscredential] $Credential
)
$ErrorActionPreference = 'Stop'
$drive = $null
if ($null -ne $Credential) {
    $drive = New-PSDrive -Name 'GoldenLibrary' -PSProvider 'FileSystem' -Root $Share -Credential $Credential
}
try {
    $null = Get-Item -LiteralPath $Share -Force # Where the share does not open, Test-Path would say that nothing is there.
    if (Test-Path -LiteralPath $Path) {
        Remove-Item -LiteralPath $Path -Force
    }
} finally {
    if ($null -ne $drive) {
        Remove-PSDrive -Name 'GoldenLibrary' -Force
    }
}
