# Runs one program to its end with output and exit code in files.
# The order is a JSON file: argv[], env{}, cwd, out, err, code. Nothing of it is ever parsed as PowerShell.
param([Parameter(Mandatory)][string]$Order)
$ErrorActionPreference = 'Stop'
$o = Get-Content -LiteralPath $Order -Raw -Encoding UTF8 | ConvertFrom-Json

# CommandLineToArgvW's rules: backslashes count only before a quote.
function ConvertTo-Argument([string]$text) {
    if ($text -ne '' -and $text -notmatch '[\s"]') { return $text }
    $quoted = $text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1'
    return '"' + $quoted + '"'
}

$start = New-Object System.Diagnostics.ProcessStartInfo
$start.FileName = $o.argv[0]
$start.Arguments = (@($o.argv | Select-Object -Skip 1 | ForEach-Object { ConvertTo-Argument $_ }) -join ' ')
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
finally { $out.Dispose(); $err.Dispose() }
# Written beside and moved, so that a reader never meets half a number.
[System.IO.File]::WriteAllText($o.code + '.new', [string]$code)
Move-Item -LiteralPath ($o.code + '.new') -Destination $o.code -Force
exit 0
