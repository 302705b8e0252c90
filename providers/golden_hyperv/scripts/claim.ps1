# Make a record that is not there, whole or not at all. $true where it was made now or is this very one, else $false.
# Its text is plain ASCII. It is on the disk before it has its name: a power cut leaves no name of a file full of zeros.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Text,
    [Parameter(Mandatory)] [string] $Token
)
$ErrorActionPreference = 'Stop'
$null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Path))
$new = $Path + '.' + $Token + '.new'
$bytes = [System.Text.Encoding]::ASCII.GetBytes($Text)
$stream = [System.IO.File]::Open($new, 'Create', 'Write', 'None')
try {
    $stream.Write($bytes, 0, $bytes.Length)
    $stream.Flush($true)
} finally {
    $stream.Dispose()
}
try {
    [System.IO.File]::Move($new, $Path)
    $true
} catch {
    [System.IO.File]::Delete($new)
    if (-not [System.IO.File]::Exists($Path)) {
        throw
    }
    [System.IO.File]::ReadAllText($Path) -eq $Text
}
