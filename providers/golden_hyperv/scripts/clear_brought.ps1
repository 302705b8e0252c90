# Take files away that golden brought to the host, and what transfers that were cut off left beside them.
param(
    [Parameter(Mandatory)] [string[]] $Path
)
$ErrorActionPreference = 'Stop'
foreach ($one in $Path) {
    $folder = [System.IO.Path]::GetDirectoryName($one)
    if ([System.IO.Directory]::Exists($folder)) {
        try {
            foreach ($part in [System.IO.Directory]::GetFiles($folder, [System.IO.Path]::GetFileName($one) + '.*.part*')) {
                [System.IO.File]::Delete($part)
            }
            [System.IO.File]::Delete($one)
        } catch [System.IO.IOException] {
            # What a method throws may arrive without its number, so that it stands in the text, as in Hyper-V's own errors.
            throw ('{0} (0x{1:X8}).' -f $_.Exception.Message, $_.Exception.GetBaseException().HResult)
        }
    }
}
