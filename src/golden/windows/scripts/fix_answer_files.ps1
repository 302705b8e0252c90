# Removes answer files that are left from the installation, which Windows would find before a later one (docs/facts:
# windows 4.4). Parameters: files[] below the system drive. Result: {done: [paths], failed: {path: why}}.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$done = @()
$failed = @{}
foreach ($file in $p.files) {
    $path = Join-Path ($env:SystemDrive + '\') $file
    if (-not (Test-Path -LiteralPath $path -PathType Leaf)) { continue }
    try {
        Remove-Item -LiteralPath $path -Force
        $done += [string]$path
    }
    catch { $failed[[string]$path] = [string]$_.Exception.Message }
}
$setup = 'HKLM:\SYSTEM\Setup'
try {
    if ((Get-Item -LiteralPath $setup).GetValueNames() -contains 'UnattendFile') {
        Remove-ItemProperty -LiteralPath $setup -Name 'UnattendFile'
        $done += 'HKLM\SYSTEM\Setup!UnattendFile'
    }
}
catch { $failed['HKLM\SYSTEM\Setup!UnattendFile'] = [string]$_.Exception.Message }
[System.IO.File]::WriteAllText($Result, (@{ done = $done; failed = $failed } | ConvertTo-Json -Compress -Depth 4))
exit 0
