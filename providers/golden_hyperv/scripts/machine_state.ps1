# A machine by its name and folder as it is now, in flat objects: its record where it is asked for, the machine, its
# disks, its adapters.
# The name is golden's own (letters, digits, dashes), so it is no pattern. Nothing where there is none.
param(
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Place,
    [string] $Record = ''
)
$ErrorActionPreference = 'Stop'
$tries = 0
if ($Record -ne '') {
    $tries = 6
}
while ($tries -gt 0) {
    $tries = $tries - 1
    try {
        [pscustomobject]@{ Kind = 'record'; Id = ''; Text = [System.IO.File]::ReadAllText($Record) }
        $tries = 0
    } catch [System.IO.DirectoryNotFoundException] {
        $tries = 0
    } catch [System.IO.FileNotFoundException] {
        # There is none; or it is being replaced at this moment, which leaves one half of that beside its place. Where that
        # stays so it was cut off there, and the old one counts.
        $beside = @([System.IO.Directory]::GetFiles([System.IO.Path]::GetDirectoryName($Record), [System.IO.Path]::GetFileName($Record) + '.*.old'))
        if ($beside.Count -eq 0) {
            $tries = [System.Math]::Min($tries, 1) # Once more: it may have come to its place meanwhile.
        } elseif ($tries -gt 0) {
            Start-Sleep -Milliseconds 50
        } else {
            [pscustomobject]@{ Kind = 'record'; Id = ''; Text = [System.IO.File]::ReadAllText($beside[0]) }
        }
    } catch [System.IO.IOException] {
        if ($tries -eq 0) {
            throw
        }
        Start-Sleep -Milliseconds 50
    }
}
try {
    $found = @(Get-VM -Name $Name -ErrorAction Stop)
} catch {
    # No document tells the error for a machine that is not there from others: the list of all machines does.
    $found = @(Get-VM -ErrorAction Stop | Where-Object -Property 'Name' -EQ -Value $Name)
}
foreach ($vm in $found) {
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
