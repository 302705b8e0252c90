# What a template can be made with: hardware profiles, guest operating system profiles, and systems VMM knows.
param()
$ErrorActionPreference = 'Stop'
foreach ($one in @(Get-SCHardwareProfile)) {
    [pscustomobject]@{ Kind = 'hardware'; Id = [string]$one.ID; Name = [string]$one.Name; Generation = [int]$one.Generation }
}
foreach ($one in @(Get-SCGuestOSProfile)) {
    [pscustomobject]@{ Kind = 'guest'; Id = [string]$one.ID; Name = [string]$one.Name; Generation = 0 }
}
foreach ($one in @(Get-SCOperatingSystem)) {
    [pscustomobject]@{ Kind = 'system'; Id = [string]$one.ID; Name = [string]$one.Name; Generation = 0 }
}
