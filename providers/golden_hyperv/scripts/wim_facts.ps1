# What a WIM on this host says of its first image: deployment tools go by it.
param(
    [Parameter(Mandatory)] [string] $Path
)
$ErrorActionPreference = 'Stop'
$image = Get-WindowsImage -ImagePath $Path -Index 1 -ErrorAction Stop
[pscustomobject]@{
    Name = [string]$image.ImageName
    Architecture = [string]$image.Architecture
    Edition = [string]$image.EditionId
    Version = [string]$image.Version
}
