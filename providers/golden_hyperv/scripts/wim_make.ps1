# Make a WIM of the Windows volume of a disk that nobody uses: the disk is attached read-only, its volume looked for and
# captured from a folder of golden's own. $false where no volume holds a Windows. The lock is held as long as it works,
# whether or not anybody still listens.
param(
    [Parameter(Mandatory)] [string] $Source,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Folder,
    [Parameter(Mandatory)] [string] $Name,
    [Parameter(Mandatory)] [string] $Description,
    [Parameter(Mandatory)] [string] $Lock
)
$ErrorActionPreference = 'Stop'
$held = [System.IO.File]::Open($Lock, 'OpenOrCreate', 'ReadWrite', 'None')
try {
    $null = [System.IO.Directory]::CreateDirectory($Folder)
    Mount-VHD -Path $Source -ReadOnly -NoDriveLetter
    try {
        $number = (Get-VHD -Path $Source).DiskNumber
        $captured = $false
        foreach ($partition in @(Get-Partition -DiskNumber $number -ErrorAction Stop)) {
            if (-not $captured -and ('Basic', 'IFS') -contains [string]$partition.Type) {
                Add-PartitionAccessPath -DiskNumber $number -PartitionNumber $partition.PartitionNumber -AccessPath $Folder -ErrorAction Stop
                try {
                    if (Test-Path -LiteralPath ($Folder + '\Windows\System32\config\SOFTWARE')) {
                        $null = New-WindowsImage -ImagePath $Path -CapturePath $Folder -Name $Name -Description $Description -CheckIntegrity -ErrorAction Stop
                        $captured = $true
                    }
                } finally {
                    Remove-PartitionAccessPath -DiskNumber $number -PartitionNumber $partition.PartitionNumber -AccessPath $Folder -ErrorAction Stop
                }
            }
        }
        $captured
    } finally {
        Dismount-VHD -Path $Source
    }
    [System.IO.Directory]::Delete($Folder)
} finally {
    $held.Dispose()
}
