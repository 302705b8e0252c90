# Replace a record that is there, in one act: a reader sees the old one or the new one.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Text,
    [Parameter(Mandatory)] [string] $Token
)
$ErrorActionPreference = 'Stop'
$new = $Path + '.' + $Token + '.new'
$old = $Path + '.' + $Token + '.old'
[System.IO.File]::WriteAllText($new, $Text)
[System.IO.File]::Replace($new, $Path, $old)
[System.IO.File]::Delete($old)
