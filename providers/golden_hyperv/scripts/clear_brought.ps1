# Take files away that golden brought to the host, and what transfers that were cut off left beside them.
param(
    [Parameter(Mandatory)] [string[]] $Path
)
$ErrorActionPreference = 'Stop'
foreach ($one in $Path) {
    $folder = [System.IO.Path]::GetDirectoryName($one)
    if ([System.IO.Directory]::Exists($folder)) {
        foreach ($part in [System.IO.Directory]::GetFiles($folder, [System.IO.Path]::GetFileName($one) + '.*.part*')) {
            [System.IO.File]::Delete($part)
        }
        [System.IO.File]::Delete($one)
    }
}
