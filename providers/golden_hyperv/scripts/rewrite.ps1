# Replace a record that is there, in one act: a reader sees the old one or the new one. Somebody who reads it at this
# moment is waited for. The new one is on the disk before it takes the place. ReplaceFile may fail half-way (1177): then
# the old one has its name for the way, and the new one takes the empty place; who only reads takes the old one then.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Text,
    [Parameter(Mandatory)] [string] $Token
)
$ErrorActionPreference = 'Stop'
$new = $Path + '.' + $Token + '.new'
$old = $Path + '.' + $Token + '.old'
$bytes = [System.Text.Encoding]::ASCII.GetBytes($Text)
$stream = [System.IO.File]::Open($new, 'Create', 'Write', 'None')
try {
    $stream.Write($bytes, 0, $bytes.Length)
    $stream.Flush($true)
} finally {
    $stream.Dispose()
}
$left = @($old)
$tries = 40
while ($tries -gt 0) {
    $tries = $tries - 1
    try {
        [System.IO.File]::Replace($new, $Path, $old)
        $tries = 0
    } catch [System.IO.FileNotFoundException] {
        $left = @([System.IO.Directory]::GetFiles([System.IO.Path]::GetDirectoryName($Path), [System.IO.Path]::GetFileName($Path) + '.*.old'))
        if ([System.IO.File]::Exists($Path) -or ($left.Count -eq 0)) {
            throw
        }
        [System.IO.File]::Move($new, $Path)
        $tries = 0
    } catch [System.IO.IOException] {
        if ($tries -eq 0) {
            throw
        }
        Start-Sleep -Milliseconds 50
    }
}
try {
    foreach ($one in $left) {
        [System.IO.File]::Delete($one)
    }
} catch [System.IO.IOException] {
    $null = $left # Somebody reads it at this moment; it goes with the next write, or with the record.
}
