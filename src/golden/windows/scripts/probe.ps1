# Parameters: process (a process number; optional). Result: boot_mark, code_page (of consoles) and the sysprep signals as the running guest sees
# them (docs/facts: windows 1.3); and, where process was given, running: whether that process still exists.
# Or lacking {wanted, met, fix}, where golden's scripts cannot run in this guest. They want PowerShell 3 (JSON, CIM) and
# .NET 4.5 (copying output as it comes); of them this one alone is written so that PowerShell 2 parses it.
param([Parameter(Mandatory = $true)][string]$Parameters, [Parameter(Mandatory = $true)][string]$Result)
$ErrorActionPreference = 'Stop'
# Where App Control or AppLocker restricts the language, no method of .NET may be called; so this is written by a command.
$mode = [string]$ExecutionContext.SessionState.LanguageMode
if ($mode -and $mode -ne 'FullLanguage') {
    $answer = '{"lacking":{"wanted":"PowerShell in FullLanguage","met":"PowerShell in ' + $mode + '",'
    $answer = $answer + '"fix":"a policy (App Control, AppLocker) restricts scripts: let it allow those in C:/Windows/Temp/golden"}}'
    Set-Content -LiteralPath $Result -Value $answer -Encoding Ascii
    exit 0
}
$version = $PSVersionTable.PSVersion
$framework = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full' -ErrorAction SilentlyContinue
if ($version.Major -lt 3 -or ($version.Major -eq 3 -and ($null -eq $framework -or $null -eq $framework.Release))) {
    $met = 'PowerShell ' + [string]$version
    if ($version.Major -ge 3) { $met = $met + ' without .NET Framework 4.5' }
    $answer = '{"lacking":{"wanted":"PowerShell 3.0 or newer with .NET Framework 4.5 or newer","met":"' + $met + '",'
    $answer = $answer + '"fix":"install Windows Management Framework 5.1 (and .NET Framework 4.5.2 before it) in the reference"}}'
    [System.IO.File]::WriteAllText($Result, $answer)
    exit 0
}
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
function Get-Value {
    param([string]$key, [string]$name)
    $item = Get-ItemProperty -LiteralPath $key -ErrorAction SilentlyContinue
    if ($null -eq $item -or $null -eq $item.PSObject.Properties[$name]) { return $null }
    return $item.$name
}
# A random name in a key that exists in memory alone: it goes with each start of Windows, and is on no disk. The time of the
# last start will not do, for it moves with every step of the clock (docs/facts: windows 5.9); it is what is left to a line
# that may not write below HKLM.
function Get-BootMark {
    $place = 'SYSTEM\CurrentControlSet\Control\golden-boot'
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($place)
    try {
        if ($null -eq $key -or $null -eq $key.GetValue('mark')) {
            $rights = [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree
            $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey($place, $rights, [Microsoft.Win32.RegistryOptions]::Volatile)
        }
        $mark = $key.GetValue('mark')
        if ($null -eq $mark) {
            $mark = [guid]::NewGuid().ToString()
            $key.SetValue('mark', $mark)
        }
        return $mark
    }
    catch { return (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('o') }
    finally { if ($null -ne $key) { $key.Close() } }
}
$sysprep = Join-Path $env:windir 'System32\Sysprep'
$answer = @{
    boot_mark            = [string](Get-BootMark)
    code_page            = Get-Value 'HKLM:\SYSTEM\CurrentControlSet\Control\Nls\CodePage' 'OEMCP'
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
