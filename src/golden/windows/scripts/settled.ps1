# Tells what in this Windows still asks for a restart, and whether servicing is at work (docs/facts: windows 5.8).
# Parameters: task (a task of golden's that a restart may have left; it is removed where it is not running).
# Result: {"sure": [..], "likely": [..], "busy": [..]}, each the names of what was met. Sure is what the facts call hard and
# have from a source; what they mark as unconfirmed is likely only. Renamings of files wait all the time and are no sign.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$servicing = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing'
$update = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update'
$control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
$netlogon = 'HKLM:\SYSTEM\CurrentControlSet\Services\Netlogon'
$once = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce'
function Get-Value([string]$key, [string]$name) {
    $item = Get-ItemProperty -LiteralPath $key -ErrorAction SilentlyContinue
    if ($null -eq $item -or $null -eq $item.PSObject.Properties[$name]) { return $null }
    return $item.$name
}
$sure = @(); $likely = @(); $busy = @()
if (Test-Path -LiteralPath "$servicing\RebootPending") { $sure += 'Component Based Servicing\RebootPending' }
foreach ($name in 'PackagesPending', 'RebootInProgress') {
    if (Test-Path -LiteralPath "$servicing\$name") { $likely += "Component Based Servicing\$name" }
}
if (Get-Value "$servicing\SessionsPending" 'Exclusive') { $likely += 'Component Based Servicing\SessionsPending!Exclusive' }
if (Test-Path -LiteralPath "$update\RebootRequired") { $sure += 'WindowsUpdate\Auto Update\RebootRequired' }
if (Test-Path -LiteralPath "$update\PostRebootReporting") { $likely += 'WindowsUpdate\Auto Update\PostRebootReporting' }
if (Get-Value 'HKLM:\SOFTWARE\Microsoft\Updates' 'UpdateExeVolatile') { $sure += 'Microsoft\Updates!UpdateExeVolatile' }
if ($null -ne (Get-Value 'HKLM:\SOFTWARE\Microsoft\ServerManager' 'CurrentRebootAttempts')) { $likely += 'ServerManager!CurrentRebootAttempts' }
if (Test-Path -LiteralPath (Join-Path $env:windir 'WinSxS\pending.xml')) { $likely += 'WinSxS\pending.xml' }
$active = Get-Value "$control\ComputerName\ActiveComputerName" 'ComputerName'
if ($active -ne (Get-Value "$control\ComputerName\ComputerName" 'ComputerName')) { $likely += 'ComputerName (a new name waits)' }
foreach ($name in 'JoinDomain', 'AvoidSpnSet') {
    if ($null -ne (Get-Value $netlogon $name)) { $likely += "Netlogon!$name (a domain join waits)" }
}
if ($null -ne (Get-Value $once 'DVDRebootSignal')) { $likely += 'RunOnce!DVDRebootSignal' }
# What a site sends to its client may ask again after every restart, so the client's word is likely and not sure.
try {
    $space = Get-CimInstance -ClassName '__Namespace' -Namespace 'root' | Where-Object { $_.Name -eq 'ccm' }
    if ($null -ne $space) {
        $told = Invoke-CimMethod -Namespace 'root\ccm\clientsdk' -ClassName 'CCM_ClientUtilities' -MethodName 'DetermineIfRebootPending'
        if ($told.RebootPending -or $told.IsHardRebootPending) { $likely += 'ConfigMgr (its client says that a restart is pending)' }
    }
}
catch { $told = $null } # a client that does not answer asks for nothing
if ($null -ne (Get-Process -Name TiWorker -ErrorAction SilentlyContinue)) { $busy += 'TiWorker.exe' }
if ($p.task) {
    $service = New-Object -ComObject Schedule.Service
    $service.Connect()
    $folder = $service.GetFolder('\')
    # 1: hidden ones, too; state 4: it runs.
    $task = $folder.GetTasks(1) | Where-Object { $_.Name -eq $p.task }
    if ($null -ne $task -and $task.State -ne 4) { $folder.DeleteTask([string]$p.task, 0) }
}
$answer = @{ sure = @($sure); likely = @($likely); busy = @($busy) }
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress))
exit 0
