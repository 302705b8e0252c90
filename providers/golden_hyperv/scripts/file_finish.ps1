# A file that was written beside its place is compared with what was sent and takes its place in one act.
param(
    [Parameter(Mandatory)] [string] $Part,
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Sha256
)
$ErrorActionPreference = 'Stop'
$met = (Get-FileHash -LiteralPath $Part -Algorithm 'SHA256' -ErrorAction Stop).Hash
if ($met -ne $Sha256) {
    throw 'GoldenHashDiffers'
}
if ([System.IO.File]::Exists($Path)) {
    $old = $Part + '.old'
    [System.IO.File]::Replace($Part, $Path, $old)
    [System.IO.File]::Delete($old)
} else {
    [System.IO.File]::Move($Part, $Path)
}
