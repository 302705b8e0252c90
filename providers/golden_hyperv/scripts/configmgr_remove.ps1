# Take an operating system image out of Configuration Manager; absent is success. It is known by the file that is
# its source, and what has that still is told by its name. The WIM stays for who asks for this.
param(
    [Parameter(Mandatory)] [string] $Module,
    [Parameter(Mandatory)] [string] $Site,
    [Parameter(Mandatory)] [string] $Server,
    [Parameter(Mandatory)] [string] $Name
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
            Remove-CMOperatingSystemImage -Id $image.PackageID -Force -ErrorAction Stop
        }
    }
    foreach ($image in @(Get-CMOperatingSystemImage -ErrorAction Stop)) {
        if ([System.IO.Path]::GetFileName([string]$image.PkgSourcePath) -eq ($Name + '.wim')) {
            [string]$image.Name
        }
    }
} finally {
    Set-Location -LiteralPath 'C:\'
}
