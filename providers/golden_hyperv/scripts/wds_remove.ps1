# Take an install image out of an image group; absent is success.
param(
    [Parameter(Mandatory)] [string] $Group,
    [Parameter(Mandatory)] [string] $Name
)
$ErrorActionPreference = 'Stop'
$found = Get-WdsInstallImage -ImageGroup $Group -ImageName $Name -FileName ($Name + '.wim') -ErrorAction SilentlyContinue
if ($null -ne $found) {
    Remove-WdsInstallImage -ImageGroup $Group -ImageName $Name -FileName ($Name + '.wim') -ErrorAction Stop
}
