# Parameters: process (a process number; optional). Result: boot_mark and the sysprep signals as the running guest sees
# them (docs/facts: windows 1.3); and, where process was given, running: whether that process still exists.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
function Get-Value([string]$key, [string]$name) {
    $item = Get-ItemProperty -LiteralPath $key -ErrorAction SilentlyContinue
    if ($null -eq $item -or $null -eq $item.PSObject.Properties[$name]) { return $null }
    return $item.$name
}
if (Get-Command Get-CimInstance -ErrorAction SilentlyContinue) {
    $os = Get-CimInstance Win32_OperatingSystem
    $boot = $os.LastBootUpTime.ToUniversalTime().ToString('o')
}
else {
    # Windows 7 and 2008 R2 with PowerShell 2
    $boot = (Get-WmiObject Win32_OperatingSystem).LastBootUpTime
}
$sysprep = Join-Path $env:windir 'System32\Sysprep'
$answer = @{
    boot_mark            = [string]$boot
    image_state          = Get-Value 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' 'ImageState'
    setup_type           = Get-Value 'HKLM:\SYSTEM\Setup' 'SetupType'
    cmd_line             = Get-Value 'HKLM:\SYSTEM\Setup' 'CmdLine'
    generalization_state = Get-Value 'HKLM:\SYSTEM\Setup\Status\SysprepStatus' 'GeneralizationState'
    tag                  = Test-Path -LiteralPath (Join-Path $sysprep 'Sysprep_succeeded.tag')
    sysprep_running      = $null -ne (Get-Process -Name sysprep -ErrorAction SilentlyContinue)
}
if ($null -ne $p.PSObject.Properties['process']) {
    $answer.running = $null -ne (Get-Process -Id $p.process -ErrorAction SilentlyContinue)
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress))
exit 0
