# Put a piece, in Base64, into a file; at offset 0 the file is made anew. Its folder must be there.
param([Parameter(Mandatory)][string]$Path, [Parameter(Mandatory)][long]$Offset, [Parameter(Mandatory)][AllowEmptyString()][string]$Data)
$ErrorActionPreference = 'Stop'
try {
    $bytes = [System.Convert]::FromBase64String($Data)
    $mode = 'OpenOrCreate'
    if ($Offset -eq 0) {
        $mode = 'Create'
    }
    $stream = [System.IO.File]::Open($Path, $mode, 'Write', 'Read')
    try {
        $null = $stream.Seek($Offset, 'Begin')
        $stream.Write($bytes, 0, $bytes.Length)
    } finally {
        $stream.Dispose()
    }
    [pscustomobject]@{ Failed = '' }
} catch {
    [pscustomobject]@{ Failed = $_.Exception.Message }
}
