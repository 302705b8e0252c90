# Let go of a disk that a cut-off capture left attached, and take the folder away that it was seen through.
param(
    [Parameter(Mandatory)] [string] $Source,
    [Parameter(Mandatory)] [string] $Folder
)
$ErrorActionPreference = 'Stop'
if ([System.IO.Directory]::Exists($Folder)) {
    if ([System.IO.File]::Exists($Source)) {
        if ((Get-VHD -Path $Source).Attached) {
            Dismount-VHD -Path $Source
        }
    }
    [System.IO.Directory]::Delete($Folder)
}
