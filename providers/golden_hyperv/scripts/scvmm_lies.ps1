# Whether a file lies in a library share, known to VMM or not. An error where the share does not open to this account:
# Test-Path alone would take that for absence.
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
    $null = Get-Item -LiteralPath $Share -Force
    Test-Path -LiteralPath $Path
} finally {
    if ($null -ne $drive) {
        Remove-PSDrive -Name 'GoldenLibrary' -Force
    }
}
