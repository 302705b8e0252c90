# Take templates and then virtual hard disks with their files out of the library, by their ids; absent is success. Where
# anything else of VMM's stands on one of the disks nothing is removed, and what stands on it comes back: VMM would take
# the disk out of it. Never -Force, with which VMM does not ask about what came to stand on it meanwhile.
param(
    [string[]] $Template,
    [string[]] $Disk
)
$ErrorActionPreference = 'Stop'
$going = @()
$standing = 0
foreach ($one in @(Get-SCVirtualHardDisk)) {
    if ($Disk -contains [string]$one.ID) {
        $going += $one
        foreach ($other in @(Get-SCDependentLibraryResource -LibraryResource $one)) {
            if ($null -ne $other -and $Template -notcontains [string]$other.ID) {
                $standing = $standing + 1
                [pscustomobject]@{ Disk = [string]$one.Name; Kind = [string]$other.ObjectType; Name = [string]$other.Name }
            }
        }
    }
}
if ($standing -eq 0) {
    foreach ($one in @(Get-SCVMTemplate)) {
        if ($Template -contains [string]$one.ID) {
            $null = Remove-SCVMTemplate -VMTemplate $one -Force -Confirm:$false
        }
    }
    foreach ($one in $going) {
        $null = Remove-SCVirtualHardDisk -VirtualHardDisk $one -Confirm:$false
    }
}
