# Put a piece, in Base64, into a file on the host; at offset 0 the file is made anew. Its folder must be there.
# May be done twice.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [long] $Offset,
    [Parameter(Mandatory)] [AllowEmptyString()] [string] $Data
)
$ErrorActionPreference = 'Stop'
$bytes = [System.Convert]::FromBase64String($Data)
$mode = 'Open'
if ($Offset -eq 0) {
    $mode = 'Create'
}
$stream = [System.IO.File]::Open($Path, $mode, 'Write', 'None')
try {
    $null = $stream.Seek($Offset, 'Begin')
    $stream.Write($bytes, 0, $bytes.Length)
} finally {
    $stream.Dispose()
}
