# Take away what writes of a record that were cut off have left beside it, and then these files, in their order; absent is
# success. Patterns of two dots: "NAME.*" would be NAME itself to Windows, too.
param(
    [Parameter(Mandatory)] [string] $Record,
    [Parameter(Mandatory)] [AllowEmptyCollection()] [string[]] $Path
)
$ErrorActionPreference = 'Stop'
$folder = [System.IO.Path]::GetDirectoryName($Record)
if ([System.IO.Directory]::Exists($folder)) {
    try {
        foreach ($ending in @('.*.new', '.*.old')) {
            foreach ($file in [System.IO.Directory]::GetFiles($folder, [System.IO.Path]::GetFileName($Record) + $ending)) {
                [System.IO.File]::Delete($file)
            }
        }
        foreach ($one in $Path) {
            [System.IO.File]::Delete($one)
        }
    } catch [System.IO.IOException] {
        # What a method throws may arrive without its number, so that it stands in the text, as in Hyper-V's own errors.
        throw ('{0} (0x{1:X8}).' -f $_.Exception.Message, $_.Exception.GetBaseException().HResult)
    }
}
