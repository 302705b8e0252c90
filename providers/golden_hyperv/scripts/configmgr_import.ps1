# Make an operating system image of Configuration Manager from a WIM that its site reads by a UNC path. The lock is held
# as long as it works, whether or not anybody still listens.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Site,
    [Parameter(Mandatory)] [string] $Server,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Version,
    [Parameter(Mandatory)] [string] $Description,
    [Parameter(Mandatory)] [string] $Lock
)
$ErrorActionPreference = 'Stop'
$held = [System.IO.File]::Open($Lock, 'OpenOrCreate', 'ReadWrite', 'None')
try {
    Import-Module -Name $Module
    if ($null -eq (Get-PSDrive -Name $Site -ErrorAction SilentlyContinue)) {
        $null = New-PSDrive -Name $Site -PSProvider 'CMSite' -Root $Server
    }
    Set-Location -LiteralPath ($Site + ':')
    try {
        $null = New-CMOperatingSystemImage -Name $Name -Path $Path -Version $Version -Description $Description -ErrorAction Stop
    } finally {
        Set-Location -LiteralPath 'C:\'
    }
} finally {
    $held.Dispose()
}
