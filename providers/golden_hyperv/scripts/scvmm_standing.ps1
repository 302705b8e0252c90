# What in VMM stands on some virtual hard disks of the library, but for some templates; all by their ids.
param(
    [string[]] $Template,
    [string[]] $Disk
)
$ErrorActionPreference = 'Stop'
foreach ($one in @(Get-SCVirtualHardDisk)) {
    if ($Disk -contains [string]$one.ID) {
        foreach ($other in @(Get-SCDependentLibraryResource -LibraryResource $one)) {
            if ($null -ne $other -and $Template -notcontains [string]$other.ID) {
                [pscustomobject]@{ Disk = [string]$one.Name; Kind = [string]$other.ObjectType; Name = [string]$other.Name }
            }
        }
    }
}
