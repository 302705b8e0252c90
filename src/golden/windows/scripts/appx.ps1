# Provisions a package for every user to come, takes one away, or tells what is provisioned. Never for one user alone: that
# is what sysprep fails at (docs/facts: windows 5.5, 3.1).
# Parameters: action (add | remove | ask), name, and for add: path, dependencies[], license (a path, or empty).
# Result: {"ok": true | false, "why": text, "code": number, "packages": [{"name", "version", "package"}, ...]} where packages
# are those provisioned whose name is asked for.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$answer = @{ ok = $true; why = ''; code = 0; packages = @() }
try {
    if ($p.action -eq 'add') {
        $given = @{ Online = $true; PackagePath = $p.path }
        if (@($p.dependencies).Count) { $given.DependencyPackagePath = @($p.dependencies) }
        if ($p.license) { $given.LicensePath = $p.license } else { $given.SkipLicense = $true }
        $null = Add-AppxProvisionedPackage @given
    }
    if ($p.action -eq 'remove') {
        foreach ($package in @(Get-AppxProvisionedPackage -Online | Where-Object { $_.DisplayName -eq $p.name })) {
            $null = Remove-AppxProvisionedPackage -Online -PackageName $package.PackageName
        }
        # With -AllUsers Remove-AppxPackage wants the bundle where a package is a part of one (Microsoft's page of it).
        if ((Get-Command Get-AppxPackage).Parameters.ContainsKey('PackageTypeFilter')) {
            foreach ($bundle in @(Get-AppxPackage -AllUsers -PackageTypeFilter Bundle -Name $p.name)) {
                Remove-AppxPackage -AllUsers -Package $bundle.PackageFullName
            }
        }
        foreach ($package in @(Get-AppxPackage -AllUsers -Name $p.name)) {
            Remove-AppxPackage -AllUsers -Package $package.PackageFullName
        }
    }
}
catch {
    $answer.ok = $false
    $answer.why = [string]$_.Exception.Message
    $answer.code = $_.Exception.HResult
}
$answer.packages = @(Get-AppxProvisionedPackage -Online | Where-Object { $_.DisplayName -eq $p.name } |
        ForEach-Object { @{ name = $_.DisplayName; version = [string]$_.Version; package = $_.PackageName } })
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress -Depth 4))
exit 0
