# A piece of a file on the host, in Base64; empty at its end.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [long] $Offset,
    [Parameter(Mandatory)] [int] $Size
)
$ErrorActionPreference = 'Stop'
$buffer = New-Object byte[] $Size
$stream = [System.IO.File]::Open($Path, 'Open', 'Read', 'ReadWrite')
try {
    $null = $stream.Seek($Offset, 'Begin')
    $count = $stream.Read($buffer, 0, $Size)
} finally {
    $stream.Dispose()
}
[System.Convert]::ToBase64String($buffer, 0, $count)
