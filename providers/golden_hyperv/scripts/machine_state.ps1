# A machine by its name and folder as it is now, in flat objects: its record where it is asked for, the machine, its
# disks, its adapters.
# The name is golden's own (letters, digits, dashes), so it is no pattern. Nothing where there is none.
param(
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Place,
    [string] $Record = ''
)
$ErrorActionPreference = 'Stop'
if (($Record -ne '') -and [System.IO.File]::Exists($Record)) {
    [pscustomobject]@{ Kind = 'record'; Id = ''; Text = [System.IO.File]::ReadAllText($Record) }
}
foreach ($vm in @(Get-VM -Name $Name -ErrorAction SilentlyContinue)) {
    if ($vm.Path -eq $Place) {
        [pscustomobject]@{
            Kind = 'machine'
            Id = $vm.Id
            State = [string]$vm.State
            Notes = $vm.Notes
            Checkpoint = [string]$vm.ParentCheckpointId
        }
        foreach ($drive in @(Get-VMHardDiskDrive -VM $vm)) {
            [pscustomobject]@{ Kind = 'disk'; Id = $vm.Id; Path = $drive.Path }
        }
        foreach ($adapter in @(Get-VMNetworkAdapter -VM $vm)) {
            [pscustomobject]@{ Kind = 'adapter'; Id = $vm.Id; Switch = $adapter.SwitchName }
        }
    }
}
