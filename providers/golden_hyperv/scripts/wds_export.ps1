# Read an install image back out of the image store, and say what it is. What is written for that goes away again.
param(
    [Parameter(Mandatory)] [string] $Group,
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Path
)
$ErrorActionPreference = 'Stop'
$null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Path))
try {
    $null = Export-WdsInstallImage -Destination $Path -ImageName $Name -ImageGroup $Group -FileName ($Name + '.wim') -Force -ErrorAction Stop
    $image = Get-WindowsImage -ImagePath $Path -Index 1 -ErrorAction Stop
    [pscustomobject]@{
        Name = [string]$image.ImageName
        Architecture = [string]$image.Architecture
        Edition = [string]$image.EditionId
        Version = [string]$image.Version
    }
} finally {
    try {
        [System.IO.File]::Delete($Path)
    } catch [System.IO.IOException] {
        $null = $Path # Somebody reads it at this moment; it goes with the WIM that was brought.
    }
}
