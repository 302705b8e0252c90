# Take away what writes of a record that were cut off have left beside it, and then these files, in their order; absent is
# success. Patterns of two dots: "NAME.*" would be NAME itself to Windows, too.
param(
    [Parameter(Mandatory)] [string] $Record,
    [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Path
)
$ErrorActionPreference = 'Stop'
$folder = [System.IO.Path]::GetDirectoryName($Record)
if ([System.IO.Directory]::Exists($folder)) {
    foreach ($ending in @('.*.new', '.*.old')) {
        foreach ($file in [System.IO.Directory]::GetFiles($folder, [System.IO.Path]::GetFileName($Record) + $ending)) {
            [System.IO.File]::Delete($file)
        }
    }
    foreach ($one in $Path) {
        [System.IO.File]::Delete($one)
    }
}
