# Make a template from a virtual hard disk in the library. Always from the disk: New-SCVMTemplate has a parameter set that
# takes a virtual machine, and destroys it. VMM's commands want objects, which do not travel; so ids come in, and go out.
param(
    [Parameter(Mandatory)] [guid] $Disk,
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Description,
    [Parameter(Mandatory)] [string] $Tag,
    [Parameter(Mandatory)] [int] $Generation,
    [Parameter(Mandatory)] [bool] $Customize,
    [string] $HardwareProfile,
    [string] $GuestProfile,
    [string] $System,
    [int] $Memory,
    [int] $Processors,
    [string] $SecureBoot
)
$ErrorActionPreference = 'Stop'
$wanted = @{
    Name = $Name
    VirtualHardDisk = Get-SCVirtualHardDisk -ID $Disk
    Generation = $Generation
    Description = $Description
}
if ($System) {
    $wanted.OperatingSystem = Get-SCOperatingSystem -ID $System
}
if ($HardwareProfile) {
    $wanted.HardwareProfile = Get-SCHardwareProfile -ID $HardwareProfile
} else {
    if ($Memory -gt 0) {
        $wanted.MemoryMB = $Memory
    }
    if ($Processors -gt 0) {
        $wanted.CPUCount = $Processors
    }
    if ($Generation -eq 2) {
        $wanted.SecureBootEnabled = [bool]$SecureBoot
        if ($SecureBoot) {
            $wanted.SecureBootTemplate = $SecureBoot
        }
    }
}
if (-not $Customize) {
    $wanted.NoCustomization = $true
} elseif ($GuestProfile) {
    foreach ($one in @(Get-SCGuestOSProfile)) {
        if ([string]$one.ID -eq $GuestProfile) {
            $wanted.GuestOSProfile = $one
        }
    }
}
$made = New-SCVMTemplate @wanted
$now = Set-SCVMTemplate -VMTemplate $made -Tag $Tag
[pscustomobject]@{ Id = [string]$now.ID; Name = [string]$now.Name; Description = [string]$now.Description }
