# Take templates and then virtual hard disks with their files out of the library, by their ids; absent is success.
param(
    [string[]] $Template,
    [string[]] $Disk
)
$ErrorActionPreference = 'Stop'
foreach ($one in @(Get-SCVMTemplate)) {
    if ($Template -contains [string]$one.ID) {
        $null = Remove-SCVMTemplate -VMTemplate $one -Force -Confirm:$false
    }
}
foreach ($one in @(Get-SCVirtualHardDisk)) {
    if ($Disk -contains [string]$one.ID) {
        $null = Remove-SCVirtualHardDisk -VirtualHardDisk $one -Force -Confirm:$false
    }
}
