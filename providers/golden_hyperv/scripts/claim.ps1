# Make a record that is not there, whole or not at all. $true where it was made now or is this very one, else $false.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Text,
    [Parameter(Mandatory)] [string] $Token
)
$ErrorActionPreference = 'Stop'
$null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Path))
$new = $Path + '.' + $Token + '.new'
[System.IO.File]::WriteAllText($new, $Text)
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
