# Take an operating system image out of Configuration Manager; absent is success. The WIM stays for who asks for this.
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
    $image = Get-CMOperatingSystemImage -Name $Name -DisableWildcardHandling -ErrorAction Stop
    if ($null -ne $image) {
        Remove-CMOperatingSystemImage -Id $image.PackageID -Force -ErrorAction Stop
    }
} finally {
    Set-Location -LiteralPath 'C:\'
}
