# Let a template and its disk be deployed, or not any more. A template that is not there is told by its absence.
param(
    [Parameter(Mandatory)] [guid] $Disk,
    [string] $Template,
    [Parameter(Mandatory)] [bool] $Enabled
)
$ErrorActionPreference = 'Stop'
if ($Template) {
    foreach ($one in @(Get-SCVMTemplate)) {
        if ([string]$one.ID -eq $Template) {
            $null = Set-SCVMTemplate -VMTemplate $one -Enabled $Enabled
        }
    }
}
$null = Set-SCVirtualHardDisk -VirtualHardDisk (Get-SCVirtualHardDisk -ID $Disk) -Enabled $Enabled
