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
$rest = (@($p.argv | Select-Object -Skip 1 | ForEach-Object { ConvertTo-Argument $_ }) -join ' ')
$action = New-ScheduledTaskAction -Execute $p.argv[0] -Argument $rest
$settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit (New-TimeSpan -Hours 12)
$null = Register-ScheduledTask -TaskName $p.task -Action $action -Settings $settings -User 'SYSTEM' -RunLevel Highest -Force
Start-ScheduledTask -TaskName $p.task
[System.IO.File]::WriteAllText($Result, '{"started":true}')
exit 0
