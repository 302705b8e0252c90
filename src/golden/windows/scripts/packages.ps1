# Lists what servicing knows (docs/facts: windows 8.2). Parameters: none that matter.
# Result: {"packages": {"Package_for_KB...": CurrentState, ...}, "programs": ["{GUID}", "7-Zip", ...]}: the packages of Component
# Based Servicing by name, and the names of the keys below Uninstall, 64-bit and 32-bit.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$base = 'SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages'
$packages = @{}
$root = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($base)
if ($null -ne $root) {
    foreach ($name in $root.GetSubKeyNames()) {
        $key = $root.OpenSubKey($name)
        if ($null -eq $key) { continue }
        $state = $key.GetValue('CurrentState')
        if ($null -ne $state) { $packages[$name] = $state }
        $key.Close()
    }
}
$programs = @()
foreach ($place in 'SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall', 'SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall') {
    $root = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($place)
    if ($null -ne $root) { $programs += @($root.GetSubKeyNames()) }
}
$answer = @{ packages = $packages; programs = @($programs | Sort-Object -Unique) }
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress -Depth 3))
exit 0
