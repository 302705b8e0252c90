# Say of an operating system image of Configuration Manager that it is not current any more; it has no switch for that.
# It is known by the file that is its source.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Site,
    [Parameter(Mandatory)] [string] $Server,
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Description
)
$ErrorActionPreference = 'Stop'
Import-Module -Name $Module
if ($null -eq (Get-PSDrive -Name $Site -ErrorAction SilentlyContinue)) {
    $null = New-PSDrive -Name $Site -PSProvider 'CMSite' -Root $Server
}
Set-Location -LiteralPath ($Site + ':')
try {
    foreach ($image in @(Get-CMOperatingSystemImage -ErrorAction Stop)) {
        if ([System.IO.Path]::GetFileName([string]$image.PkgSourcePath) -eq ($Name + '.wim')) {
            Set-CMOperatingSystemImage -Id $image.PackageID -Description $Description -ErrorAction Stop
        }
    }
} finally {
    Set-Location -LiteralPath 'C:\'
}
