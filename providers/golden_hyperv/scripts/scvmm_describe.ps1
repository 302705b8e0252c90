# Say of a virtual hard disk in the library what it is; what VMM kept of the description comes back.
param(
    [Parameter(Mandatory)] [guid] $Disk,
    [Parameter(Mandatory)] [string] $Family,
    [Parameter(Mandatory)] [string] $Release,
    [Parameter(Mandatory)] [string] $Description,
    [Parameter(Mandatory)] [string[]] $Tag,
    [string] $System
)
$ErrorActionPreference = 'Stop'
$wanted = @{
    VirtualHardDisk = Get-SCVirtualHardDisk -ID $Disk
    FamilyName = $Family
    Release = $Release
    Description = $Description
    Tag = $Tag
}
if ($System) {
    $wanted.OperatingSystem = Get-SCOperatingSystem -ID $System
}
$null = Set-SCVirtualHardDisk @wanted
$now = Get-SCVirtualHardDisk -ID $Disk
[pscustomobject]@{ Description = [string]$now.Description; Family = [string]$now.FamilyName; Release = [string]$now.Release }
