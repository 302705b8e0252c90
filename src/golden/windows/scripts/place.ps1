# Parameters: piece, target, offset, sha256. Result: {"sha256": hex of the piece as it arrived}; written only if equal.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
$sha = [System.Security.Cryptography.SHA256]::Create()
$piece = [System.IO.File]::Open($p.piece, 'Open', 'Read', 'Read')
try {
    $met = ([System.BitConverter]::ToString($sha.ComputeHash($piece)) -replace '-', '').ToLowerInvariant()
    if ($met -eq $p.sha256) {
        $target = [System.IO.File]::Open($p.target, 'OpenOrCreate', 'Write', 'None')
        try {
            $piece.Position = 0
            $target.Position = $p.offset
            $piece.CopyTo($target)
        }
        finally { $target.Dispose() }
    }
}
finally { $piece.Dispose(); $sha.Dispose() }
[System.IO.File]::WriteAllText($Result, (@{ sha256 = $met } | ConvertTo-Json -Compress))
exit 0
