# Parameters: paths[] (of files or folders). Result: {"found": [...]}, one for each path in their order: null where there
# is nothing, else name, folder (true or false), size, attributes; and for a folder entries[] with the same four.
# It only looks. A folder that may not be listed has no entries and says so in denied.
param([Parameter(Mandatory)][string]$Parameters, [Parameter(Mandatory)][string]$Result)
$ErrorActionPreference = 'Stop'
$p = Get-Content -LiteralPath $Parameters -Raw -Encoding UTF8 | ConvertFrom-Json
function Get-Shown($item) {
    $size = 0
    if (-not $item.PSIsContainer) { $size = $item.Length }
    return @{ name = $item.Name; folder = [bool]$item.PSIsContainer; size = $size; attributes = [int]$item.Attributes }
}
$found = @()
foreach ($path in $p.paths) {
    $item = Get-Item -LiteralPath $path -Force -ErrorAction SilentlyContinue
    if ($null -eq $item) { $found += , $null; continue }
    $shown = Get-Shown $item
    if ($item.PSIsContainer) {
        $shown.denied = $false
        try { $shown.entries = @(Get-ChildItem -LiteralPath $path -Force | ForEach-Object { Get-Shown $_ }) }
        catch { $shown.entries = @(); $shown.denied = $true }
    }
    $found += , $shown
}
[System.IO.File]::WriteAllText($Result, (@{ found = $found } | ConvertTo-Json -Compress -Depth 5))
exit 0
