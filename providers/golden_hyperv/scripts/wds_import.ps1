# Add a WIM of this host to the image store of its Windows Deployment Services. The lock is held as long as it works,
# whether or not anybody still listens.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Group,
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $File,
    [Parameter(Mandatory)] [string] $Description,
    [Parameter(Mandatory)] [string] $Lock
)
$ErrorActionPreference = 'Stop'
$held = [System.IO.File]::Open($Lock, 'OpenOrCreate', 'ReadWrite', 'None')
try {
    $null = Import-WdsInstallImage -Path $Path -ImageGroup $Group -NewImageName $Name -NewFileName $File -NewDescription $Description -ErrorAction Stop
} finally {
    $held.Dispose()
}
