# Removes AppX packages for all users, which is what Microsoft says to do about one that stops sysprep (docs/facts:
# windows 3.2). Parameters: packages[] full names. Result: {done: [full names], failed: {full name: why}}.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$done = @()
$failed = @{}
foreach ($package in $p.packages) {
    try {
        Remove-AppxPackage -Package $package -AllUsers
        $done += [string]$package
    }
    catch { $failed[[string]$package] = [string]$_.Exception.Message }
}
[System.IO.File]::WriteAllText($Result, (@{ done = $done; failed = $failed } | ConvertTo-Json -Compress -Depth 4))
exit 0
