# Takes out of the guest what golden put into it for sysprep, as a one-shot task of SYSTEM: the task that started
# sysprep, and with it the stored password; the account that was made for it, its profile; this task; what lies in
# golden's folder. Then it waits until the caller is gone, and switches the guest off.
# An account cannot do this for itself while it runs sysprep, and the way in may be logged on with it.
# Parameters: task, own (this task), account (empty where none was made), work (golden's folder), shut_down.
# Result: {"left": [what could not be taken away, and why]}.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$here = Split-Path -Parent $Parameters
$left = @()

$service = New-Object -ComObject Schedule.Service
$service.Connect()
$folder = $service.GetFolder('\')
$names = @($folder.GetTasks(1) | ForEach-Object { $_.Name })
if ($names -contains $p.task) {
    try { $folder.DeleteTask([string]$p.task, 0) }
    catch { $left += 'the task ' + $p.task + ': ' + $_.Exception.Message }
}

function Remove-Profile([string]$sid) {
    $wanted = "SID='" + $sid + "'"
    $found = Get-CimInstance -ClassName Win32_UserProfile -Filter $wanted
    if ($null -eq $found) { return }
    $place = [string]$found.LocalPath
    Remove-CimInstance -InputObject $found
    if ($place -and (Test-Path -LiteralPath $place)) { Remove-Item -LiteralPath $place -Recurse -Force }
}

if ($p.account) {
    try {
        $user = New-Object System.Security.Principal.NTAccount $env:COMPUTERNAME, $p.account
        $sid = $user.Translate([System.Security.Principal.SecurityIdentifier]).Value
        # A profile stays loaded for some seconds after its last program has ended.
        for ($try = 1; $true; $try++) {
            try {
                Remove-Profile $sid
                break
            }
            catch {
                if ($try -ge 30) { throw }
                Start-Sleep -Seconds 1
            }
        }
    }
    catch { $left += 'the profile of ' + $p.account + ': ' + $_.Exception.Message }
    try {
        if (Get-Command Remove-LocalUser -ErrorAction SilentlyContinue) { Remove-LocalUser -Name $p.account }
        else { ([ADSI]('WinNT://' + $env:COMPUTERNAME)).Delete('User', [string]$p.account) }
    }
    catch { $left += 'the account ' + $p.account + ': ' + $_.Exception.Message }
}

foreach ($other in @(Get-ChildItem -LiteralPath $p.work -Force)) {
    if ($other.FullName -eq $here) { continue }
    try { Remove-Item -LiteralPath $other.FullName -Recurse -Force }
    catch { $left += $other.FullName + ': ' + $_.Exception.Message }
}
# Deleting a task does not end a program that it has started.
try { $folder.DeleteTask([string]$p.own, 0) }
catch { $left += 'the task ' + $p.own + ': ' + $_.Exception.Message }
[System.IO.File]::WriteAllText($Result, (@{ left = @($left) } | ConvertTo-Json -Compress))

if ($p.shut_down) {
    for ($second = 0; $second -lt 600 -and (Test-Path -LiteralPath $here); $second++) { Start-Sleep -Seconds 1 }
    # The caller usually switches the guest off by itself; this is for one that cannot come in any more.
    Start-Sleep -Seconds 20
    Stop-Computer -Force
}
exit 0
