# A file that was written beside its place is compared with what was sent and takes its place in one act. Done already is
# success, as the answer may have been lost.
param(
    [Parameter(Mandatory)] [string] $Part,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Sha256
)
$ErrorActionPreference = 'Stop'
$there = $Part
if (-not [System.IO.File]::Exists($Part) -and [System.IO.File]::Exists($Path)) {
    $there = $Path
}
$met = (Get-FileHash -LiteralPath $there -Algorithm 'SHA256' -ErrorAction Stop).Hash
if ($met -ne $Sha256) {
    throw 'GoldenHashDiffers'
}
if ($there -eq $Path) {
    $null = $met
} elseif ([System.IO.File]::Exists($Path)) {
    $old = $Part + '.old'
    [System.IO.File]::Replace($Part, $Path, $old)
    [System.IO.File]::Delete($old)
} else {
    [System.IO.File]::Move($Part, $Path)
}
