# Have a machine of generation 2 boot from one of its disks before anything else. May be done twice.
param(
    [Parameter(Mandatory)] [guid] $VMId,
    [Parameter(Mandatory)] [string] $Path
)
$ErrorActionPreference = 'Stop'
$vm = Get-VM -Id $VMId
foreach ($drive in @(Get-VMHardDiskDrive -VM $vm)) {
    if ($drive.Path -eq $Path) {
        Set-VMFirmware -VM $vm -FirstBootDevice $drive
    }
}
