# SHA-256 and length of a file in a library share. A remote session has no credential to show to another server, so one
# comes along for this; without one the session's own way is tried (delegation, or a share of this very server).
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Share,
    [pscredential] $Credential
)
$ErrorActionPreference = 'Stop'
$drive = $null
if ($null -ne $Credential) {
    $drive = New-PSDrive -Name 'GoldenLibrary' -PSProvider 'FileSystem' -Root $Share -Credential $Credential
}
try {
    $item = Get-Item -LiteralPath $Path -Force
    $hash = Get-FileHash -LiteralPath $Path -Algorithm 'SHA256' -ErrorAction Stop
    [pscustomobject]@{ Length = [long]$item.Length; Hash = [string]$hash.Hash }
} finally {
    if ($null -ne $drive) {
        Remove-PSDrive -Name 'GoldenLibrary' -Force
    }
}
