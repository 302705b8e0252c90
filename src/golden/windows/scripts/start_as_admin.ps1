# Starts a program detached, in a one-time task under a named administrator, because sysprep under SYSTEM is not
# supported (facts/windows.md 0.4) and a child of a remote session dies with it (0.5).
# Parameters: task, argv[], account, password, code (file for the exit code). Result: {"started": true}.
# The parameters file holds a password: it is deleted before anything else happens.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
Remove-Item -LiteralPath $Parameters -Force
function ConvertTo-Argument([string]$text) {
    if ($text -ne '' -and $text -notmatch '[\s"]') { return $text }
    $quoted = $text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1'
    return '"' + $quoted + '"'
}
$rest = (@($p.argv | Select-Object -Skip 1 | ForEach-Object { ConvertTo-Argument $_ }) -join ' ')
$action = New-ScheduledTaskAction -Execute $p.argv[0] -Argument $rest
$settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit (New-TimeSpan -Hours 3)
$null = Register-ScheduledTask -TaskName $p.task -Action $action -Settings $settings -User $p.account -Password $p.password -RunLevel Highest -Force
Start-ScheduledTask -TaskName $p.task
[System.IO.File]::WriteAllText($Result, '{"started":true}')
exit 0
