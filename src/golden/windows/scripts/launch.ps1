# Runs one program to its end with output and exit code in files, at most once for each order.
# The order is a JSON file: argv[], env{}, cwd, out, err, code (the last three are paths of files to write), and maybe
# tail: text that ends the command line as it is, for programs that do not split it as others do (msiexec, set-ups).
# Nothing of it is ever parsed as PowerShell.
#
# What it promises, in this order (anything that stands in for it does the same):
#   1. It renames ORDER to ORDER.taken. Where ORDER is gone, another launcher has it: exit code 17, nothing else is done.
#      So a caller that lost the line while starting it may simply start it again.
#   2. It writes its own process number, as decimal text, to CODE.pid.
#   3. It runs argv with standard output in OUT and standard error in ERR.
#   4. It writes CODE, beside first and then moved into place: {"code":EXIT CODE,"out":BYTES IN OUT,"err":BYTES IN ERR}.
#      A program that cannot be started has the exit code 9009 and the reason in ERR.
#   5. It ends with 0, whatever the program's exit code was.
param([Parameter(Mandatory)][string]$Order)
$ErrorActionPreference = 'Stop'
try { [System.IO.File]::Move($Order, $Order + '.taken') }
catch {
    if (Test-Path -LiteralPath $Order) { throw }
    exit 17
}
$o = Get-Content -LiteralPath ($Order + '.taken') -Raw -Encoding UTF8 | ConvertFrom-Json
[System.IO.File]::WriteAllText($o.code + '.pid', [string]$PID)

# CommandLineToArgvW's rules: backslashes count only before a quote.
function ConvertTo-Argument([string]$text) {
    if ($text -ne '' -and $text -notmatch '[\s"]') { return $text }
    $quoted = $text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1'
    return '"' + $quoted + '"'
}

$start = New-Object System.Diagnostics.ProcessStartInfo
$start.FileName = $o.argv[0]
$start.Arguments = (@($o.argv | Select-Object -Skip 1 | ForEach-Object { ConvertTo-Argument $_ }) -join ' ')
if ($null -ne $o.PSObject.Properties['tail'] -and $o.tail) { $start.Arguments = ($start.Arguments + ' ' + $o.tail).Trim() }
$start.WorkingDirectory = $o.cwd
$start.UseShellExecute = $false
$start.CreateNoWindow = $true
$start.RedirectStandardOutput = $true
$start.RedirectStandardError = $true
foreach ($pair in $o.env.PSObject.Properties) { $start.EnvironmentVariables[$pair.Name] = [string]$pair.Value }

$out = [System.IO.File]::Create($o.out)
$err = [System.IO.File]::Create($o.err)
try {
    try {
        $process = [System.Diagnostics.Process]::Start($start)
        $copyOut = $process.StandardOutput.BaseStream.CopyToAsync($out)
        $copyErr = $process.StandardError.BaseStream.CopyToAsync($err)
        $process.WaitForExit()
        $null = [System.Threading.Tasks.Task]::WaitAll(@($copyOut, $copyErr), 10000)
        $code = $process.ExitCode
    }
    catch [System.ComponentModel.Win32Exception] {
        $text = [System.Text.Encoding]::UTF8.GetBytes($_.Exception.Message)
        $err.Write($text, 0, $text.Length)
        $code = 9009
    }
}
finally {
    $sizes = @($out.Length, $err.Length)
    $out.Dispose(); $err.Dispose()
}
# Written beside and moved, so that a reader never meets half of it.
$answer = '{"code":' + [string]$code + ',"out":' + [string]$sizes[0] + ',"err":' + [string]$sizes[1] + '}'
[System.IO.File]::WriteAllText($o.code + '.new', $answer)
Move-Item -LiteralPath ($o.code + '.new') -Destination $o.code -Force
exit 0
