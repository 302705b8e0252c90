# Starts a program as SYSTEM in a one-time task, as work of the computer itself and not of whoever came in from outside:
# Windows Update and wusa refuse the tokens of remote logons (docs/facts: windows 5.3, 5.7).
# Parameters: task, argv[]. Result: {"started": true}. Run twice it replaces the task and starts the program again; the
# program is golden's launcher, which takes an order at most once.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
function ConvertTo-Argument([string]$text) {
    if ($text -ne '' -and $text -notmatch '[\s"]') { return $text }
    $quoted = $text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1'
    return '"' + $quoted + '"'
}
# By COM, as start_task.ps1: the commands for tasks came with Windows 8, whatever PowerShell an older one has got.
$service = New-Object -ComObject Schedule.Service
$service.Connect()
$folder = $service.GetFolder('\')
$definition = $service.NewTask(0)
$definition.Settings.AllowDemandStart = $true
$definition.Settings.DisallowStartIfOnBatteries = $false
$definition.Settings.StopIfGoingOnBatteries = $false
$definition.Settings.ExecutionTimeLimit = 'PT12H'
$definition.Principal.RunLevel = 1
$action = $definition.Actions.Create(0)
$action.Path = [string]$p.argv[0]
$action.Arguments = (@($p.argv | Select-Object -Skip 1 | ForEach-Object { ConvertTo-Argument $_ }) -join ' ')
# 6: made or replaced; logon type 5: a service account.
$task = $folder.RegisterTaskDefinition([string]$p.task, $definition, 6, 'SYSTEM', $null, 5)
$null = $task.Run($null)
[System.IO.File]::WriteAllText($Result, '{"started":true}')
exit 0
