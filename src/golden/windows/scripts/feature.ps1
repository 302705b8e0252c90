# Turns a feature or a capability of Windows on, or tells its state (docs/facts: windows 5.6). A server's roles are asked
# for first, then the optional features that every Windows has.
# Parameters: action (enable | ask), kind (feature | capability), name.
# Result: {"ok": true | false, "why": text, "code": number, "way": how, "state": text, "on": true | false, "restart": true | false}.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$answer = @{ ok = $true; why = ''; code = 0; way = ''; state = 'unknown'; on = $false; restart = $false }
function Find-Role {
    if (-not (Get-Command Get-WindowsFeature -ErrorAction SilentlyContinue)) { return $null }
    return Get-WindowsFeature -Name $p.name -ErrorAction SilentlyContinue
}
try {
    if ($p.kind -eq 'capability') {
        $answer.way = 'capability'
        if ($p.action -eq 'enable') {
            $done = Add-WindowsCapability -Online -Name $p.name
            $answer.restart = [bool]$done.RestartNeeded
        }
        $met = Get-WindowsCapability -Online -Name $p.name
        $answer.state = [string]$met.State
        $answer.on = $answer.state -in 'Installed', 'InstallPending'
    }
    elseif ($null -ne (Find-Role)) {
        $answer.way = 'role'
        if ($p.action -eq 'enable') {
            $done = Install-WindowsFeature -Name $p.name -IncludeManagementTools
            $answer.restart = [string]$done.RestartNeeded -eq 'Yes'
            if (-not $done.Success) { throw [string]$done.ExitCode }
        }
        $answer.state = [string](Find-Role).InstallState
        $answer.on = $answer.state -in 'Installed', 'InstallPending'
    }
    else {
        $answer.way = 'optional feature'
        if ($p.action -eq 'enable') {
            $done = Enable-WindowsOptionalFeature -Online -FeatureName $p.name -All -NoRestart
            $answer.restart = [bool]$done.RestartNeeded
        }
        $met = Get-WindowsOptionalFeature -Online -FeatureName $p.name
        if ($null -eq $met) { throw "Windows has no feature called $($p.name)" }
        $answer.state = [string]$met.State
        $answer.on = $answer.state -in 'Enabled', 'EnablePending'
    }
}
catch {
    $answer.ok = $false
    $answer.why = [string]$_.Exception.Message
    $answer.code = $_.Exception.HResult
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress))
exit 0
