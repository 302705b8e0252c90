# Replace a record that is there, in one act: a reader sees the old one or the new one. Somebody who reads it at this
# moment is waited for.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Text,
    [Parameter(Mandatory)] [string] $Token
)
$ErrorActionPreference = 'Stop'
$new = $Path + '.' + $Token + '.new'
$old = $Path + '.' + $Token + '.old'
[System.IO.File]::WriteAllText($new, $Text)
$tries = 40
while ($tries -gt 0) {
    $tries = $tries - 1
    try {
        [System.IO.File]::Replace($new, $Path, $old)
        $tries = 0
    } catch [System.IO.FileNotFoundException] {
        throw
    } catch [System.IO.IOException] {
        if ($tries -eq 0) {
            throw
        }
        Start-Sleep -Milliseconds 50
    }
}
[System.IO.File]::Delete($old)
