# Make a disk file read-only under its final name; done already is success. Nobody may write to it any more.
param(
    [Parameter(Mandatory)] [string] $Path,
    [Parameter(Mandatory)] [string] $Final,
    [Parameter(Mandatory)] [bool] $ReadOnly
)
$ErrorActionPreference = 'Stop'
if ([System.IO.File]::Exists($Path) -and ($Path -ne $Final)) {
    [System.IO.File]::Move($Path, $Final)
}
$item = Get-Item -LiteralPath $Final -Force
$item.IsReadOnly = $ReadOnly
