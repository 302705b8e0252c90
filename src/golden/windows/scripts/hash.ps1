# Parameters: path, size_only. Result: {"sha256": hex or "", "size": bytes}; size -1 where there is no such file.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$answer = @{ sha256 = ''; size = -1 }
if (Test-Path -LiteralPath $p.path -PathType Leaf) {
    $answer.size = (Get-Item -LiteralPath $p.path -Force).Length
    if (-not $p.size_only) {
        $stream = [System.IO.File]::Open($p.path, 'Open', 'Read', 'ReadWrite')
        $sha = [System.Security.Cryptography.SHA256]::Create()
        try { $answer.sha256 = ([System.BitConverter]::ToString($sha.ComputeHash($stream)) -replace '-', '').ToLowerInvariant() }
        finally { $stream.Dispose(); $sha.Dispose() }
    }
}
[System.IO.File]::WriteAllText($Result, ($answer | ConvertTo-Json -Compress))
exit 0
