# Make a disk file read-only under its final name; done already is success. Nobody may write to it any more.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Final,
    [Parameter(Mandatory)] [bool] $ReadOnly
)
$ErrorActionPreference = 'Stop'
if ([System.IO.File]::Exists($Path) -and ($Path -ne $Final)) {
    try {
        [System.IO.File]::Move($Path, $Final)
    } catch [System.IO.IOException] {
        # What a method throws may arrive without its number, so that it stands in the text, as in Hyper-V's own errors.
        throw ('{0} (0x{1:X8}).' -f $_.Exception.Message, $_.Exception.GetBaseException().HResult)
    }
}
$item = Get-Item -LiteralPath $Final -Force
$item.IsReadOnly = $ReadOnly
