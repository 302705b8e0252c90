# How far sysprep is, asked again and again from outside.
# Parameters: task (the one-time task that started it). Result: the sysprep signals (facts/windows.md 1.3),
# sysprep_running, task_state (3 ready, 4 running; null where there is no such task), task_result (its last result),
# and log: the last bytes of setupact.log in base64, null where there is none.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
function Get-Value([string]$key, [string]$name) {
    $item = Get-ItemProperty -LiteralPath $key -ErrorAction SilentlyContinue
    if ($null -eq $item -or $null -eq $item.PSObject.Properties[$name]) { return $null }
    return $item.$name
}
$sysprep = Join-Path $env:windir 'System32\Sysprep'
# Asked before the signals are read: whoever is gone by now has written all it was going to.
$running = $null -ne (Get-Process -Name sysprep -ErrorAction SilentlyContinue)
$state = $null
$code = $null
try {
    $service = New-Object -ComObject Schedule.Service
    $service.Connect()
    $task = $service.GetFolder('\').GetTask([string]$p.task)
    $state = [int]$task.State
    $code = [int]$task.LastTaskResult
}
catch { $state = $null }
$log = $null
$path = Join-Path $sysprep 'Panther\setupact.log'
if (Test-Path -LiteralPath $path -PathType Leaf) {
    $stream = [System.IO.File]::Open($path, 'Open', 'Read', 'ReadWrite')
    try {
        # An even place, so that UTF-16 is never cut inside a unit.
        $from = [Math]::Max(0, $stream.Length - 4096)
        $from = $from - ($from % 2)
        $null = $stream.Seek($from, 'Begin')
        $bytes = New-Object byte[] ($stream.Length - $from)
        $count = $stream.Read($bytes, 0, $bytes.Length)
        $log = [Convert]::ToBase64String($bytes, 0, $count)
    }
    finally { $stream.Dispose() }
}
$answer = @{
    image_state          = Get-Value 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' 'ImageState'
    setup_type           = Get-Value 'HKLM:\SYSTEM\Setup' 'SetupType'
    cmd_line             = Get-Value 'HKLM:\SYSTEM\Setup' 'CmdLine'
    generalization_state = Get-Value 'HKLM:\SYSTEM\Setup\Status\SysprepStatus' 'GeneralizationState'
    tag                  = Test-Path -LiteralPath (Join-Path $sysprep 'Sysprep_succeeded.tag')
    sysprep_running      = $running
    task_state           = $state
    task_result          = $code
    log                  = $log
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress))
exit 0
