# Take away what golden kept on this host for a publish: the file it brought, parts of it, the lock, the record last.
param(
    [Parameter(Mandatory)] [string] $Record,
    [Parameter(Mandatory)] [string] $Lock,
    [string] $Staged
)
$ErrorActionPreference = 'Stop'
if ($Staged) {
    $folder = [System.IO.Path]::GetDirectoryName($Staged)
    foreach ($part in [System.IO.Directory]::GetFiles($folder, [System.IO.Path]::GetFileName($Staged) + '.*.part')) {
        [System.IO.File]::Delete($part)
    }
    [System.IO.File]::Delete($Staged)
}
[System.IO.File]::Delete($Lock)
[System.IO.File]::Delete($Record)
