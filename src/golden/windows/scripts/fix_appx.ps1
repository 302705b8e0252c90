# Removes AppX packages for all users, which is what Microsoft says to do about one that stops sysprep (docs/facts:
# windows 3.2). Parameters: packages[] full names. Result: {done: [full names], failed: {full name: why}}.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$done = @()
$failed = @{}

# With -AllUsers Remove-AppxPackage wants the bundle where a package is a part of one (Microsoft's page of it).
function Remove-ForAll {
    param([string]$full)
    $name = ($full -split '_')[0]
    $family = $name + '_' + ($full -split '_')[-1]
    $bundles = @()
    if ((Get-Command Get-AppxPackage).Parameters.ContainsKey('PackageTypeFilter')) {
        $bundles = @(Get-AppxPackage -AllUsers -PackageTypeFilter Bundle -Name $name | Where-Object { $_.PackageFamilyName -eq $family })
    }
    foreach ($bundle in $bundles) { Remove-AppxPackage -Package $bundle.PackageFullName -AllUsers }
    $there = $bundles.Count -eq 0
    foreach ($package in @(Get-AppxPackage -AllUsers -Name $name | Where-Object { $_.PackageFullName -eq $full })) {
        foreach ($user in $package.PackageUserInformation) {
            if ([string]$user.InstallState -like 'Installed*') { $there = $true }
        }
    }
    if ($there) { Remove-AppxPackage -Package $full -AllUsers }
}

foreach ($package in $p.packages) {
    try {
        Remove-ForAll $package
        $done += [string]$package
    }
    catch { $failed[[string]$package] = [string]$_.Exception.Message }
}
[System.IO.File]::WriteAllText($Result, (@{ done = $done; failed = $failed } | ConvertTo-Json -Compress -Depth 4))
exit 0
