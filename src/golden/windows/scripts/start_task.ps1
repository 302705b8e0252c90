# Starts a program as local work of this Windows: in a one-time task, which lives on when the connection is gone.
# Sysprep is not supported under SYSTEM (facts/windows.md 0.4), and a child of a remote session dies with it (0.5).
# Parameters: task, argv[], account, password, make. The account "SYSTEM" needs no password. With make the account is
# made first, as a local administrator. Result: {"started": bool, "why": text, "code": HRESULT}.
# The parameters file may hold a password: it is overwritten and deleted before anything else happens.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$file = [System.IO.File]::Open($Parameters, 'Open', 'Write', 'None')
try {
    $nothing = New-Object byte[] $file.Length
    $file.Write($nothing, 0, $nothing.Length)
    $file.Flush($true)
}
finally { $file.Dispose() }
Remove-Item -LiteralPath $Parameters -Force
# A second start of this script, after a lost line, may meet the emptied file; the first one does the work.
if ($null -eq $p -or $null -eq $p.task) { exit 17 }

function ConvertTo-Argument([string]$text) {
    if ($text -ne '' -and $text -notmatch '[\s"]') { return $text }
    $quoted = $text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1'
    return '"' + $quoted + '"'
}

# Administrators are found by their SID: the group's name differs with the language.
$administrators = 'S-1-5-32-544'
function Set-Builder([string]$name, [string]$password) {
    if (Get-Command New-LocalUser -ErrorAction SilentlyContinue) {
        $secret = ConvertTo-SecureString -String $password -AsPlainText -Force
        if (Get-LocalUser -Name $name -ErrorAction SilentlyContinue) { Set-LocalUser -Name $name -Password $secret }
        else { $null = New-LocalUser -Name $name -Password $secret -AccountNeverExpires -PasswordNeverExpires }
        Add-LocalGroupMember -SID $administrators -Member $name -ErrorAction SilentlyContinue
        return
    }
    # Before Windows 10 and PowerShell 5.1
    $computer = [ADSI]('WinNT://' + $env:COMPUTERNAME)
    $sid = New-Object System.Security.Principal.SecurityIdentifier $administrators
    $whole = $sid.Translate([System.Security.Principal.NTAccount]).Value
    $group = $computer.Children.Find($whole.Split('\')[-1], 'Group')
    $user = $computer.Children | Where-Object { $_.SchemaClassName -eq 'User' -and $_.Name -eq $name }
    if ($null -eq $user) { $user = $computer.Create('User', $name) }
    $user.SetPassword($password)
    $user.SetInfo()
    if (-not $group.IsMember($user.Path)) { $group.Add($user.Path) }
}

$answer = @{ started = $false; why = ''; code = 0 }
try {
    if ($p.make) { Set-Builder $p.account $p.password }
    $service = New-Object -ComObject Schedule.Service
    $service.Connect()
    $folder = $service.GetFolder('\')
    $definition = $service.NewTask(0)
    $definition.Settings.AllowDemandStart = $true
    $definition.Settings.DisallowStartIfOnBatteries = $false
    $definition.Settings.StopIfGoingOnBatteries = $false
    $definition.Settings.ExecutionTimeLimit = 'PT3H'
    $definition.Principal.RunLevel = 1
    $action = $definition.Actions.Create(0)
    $action.Path = [string]$p.argv[0]
    $action.Arguments = (@($p.argv | Select-Object -Skip 1 | ForEach-Object { ConvertTo-Argument $_ }) -join ' ')
    # Logon type 5: a service account; 1: with a password, which the task scheduler keeps. 6: made or replaced.
    $name = [string]$p.task
    $account = [string]$p.account
    if ($account -eq 'SYSTEM') { $task = $folder.RegisterTaskDefinition($name, $definition, 6, $account, $null, 5) }
    else { $task = $folder.RegisterTaskDefinition($name, $definition, 6, $account, [string]$p.password, 1) }
    $null = $task.Run($null)
    $answer.started = $true
}
catch {
    $answer.why = [string]$_.Exception.Message
    $answer.code = $_.Exception.GetBaseException().HResult
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress))
exit 0
