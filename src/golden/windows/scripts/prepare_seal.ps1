# What is done in the clone before sysprep. Cached answer files would be found before the one that is meant and replay
# the settings of the installation; one in the root of the drive is found where none is meant; and Setup keeps the one
# it was given as unattend-original.xml, passwords and all (facts/windows.md 4.4).
# Office is not rearmed by sysprep (2.5).
# Parameters: none. Result: removed[] (paths and values that were taken away), media[] (answer files on removable
# media), office[] ({path, code} of each OSPPREARM.EXE), msdtc (whether that service is there; only a hint).
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$removed = @()
$panther = Join-Path $env:windir 'Panther'
$cached = @(
    (Join-Path $panther 'unattend.xml'),
    (Join-Path $panther 'autounattend.xml'),
    (Join-Path $panther 'unattend-original.xml'),
    (Join-Path $env:windir 'System32\Sysprep\unattend.xml'),
    ($env:SystemDrive + '\unattend.xml'),
    ($env:SystemDrive + '\autounattend.xml')
)
$below = Join-Path $panther 'Unattend'
if (Test-Path -LiteralPath $below) {
    $cached += @(Get-ChildItem -LiteralPath $below -Filter '*.xml' -Force | ForEach-Object { $_.FullName })
}
foreach ($path in $cached) {
    if (Test-Path -LiteralPath $path -PathType Leaf) {
        Remove-Item -LiteralPath $path -Force
        $removed += $path
    }
}
$setup = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\Setup'
if ($null -ne $setup.PSObject.Properties['UnattendFile']) {
    Remove-ItemProperty -LiteralPath 'HKLM:\SYSTEM\Setup' -Name 'UnattendFile'
    $removed += 'HKLM\SYSTEM\Setup!UnattendFile'
}

# Removable: floppy disks and sticks; CDRom: DVDs and ISO images, too
$media = @()
foreach ($drive in [System.IO.DriveInfo]::GetDrives()) {
    if (@('Removable', 'CDRom') -notcontains [string]$drive.DriveType -or -not $drive.IsReady) { continue }
    foreach ($name in @('Unattend.xml', 'Autounattend.xml')) {
        $path = Join-Path $drive.RootDirectory.FullName $name
        if (Test-Path -LiteralPath $path -PathType Leaf) { $media += $path }
    }
}

$office = @()
foreach ($programs in @($env:ProgramFiles, ${env:ProgramFiles(x86)})) {
    if (-not $programs) { continue }
    foreach ($version in @('Office14', 'Office15', 'Office16')) {
        $path = Join-Path $programs ('Microsoft Office\' + $version + '\OSPPREARM.EXE')
        if (-not (Test-Path -LiteralPath $path -PathType Leaf)) { continue }
        $ran = Start-Process -FilePath $path -Wait -PassThru -WindowStyle Hidden
        $office += @{ path = $path; code = $ran.ExitCode }
    }
}
$answer = @{
    removed = @($removed)
    media   = @($media)
    office  = @($office)
    msdtc   = $null -ne (Get-Service -Name MSDTC -ErrorAction SilentlyContinue)
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress -Depth 4))
exit 0
